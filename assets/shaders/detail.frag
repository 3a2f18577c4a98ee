#version 330 core
// The photograph where it counts, the frame elsewhere. Rows keep the picture's order: row 0 is the top.
uniform sampler2D frame;
uniform sampler2D photograph;
uniform sampler2D motion;  // displacement (x, y) in picture heights, shares of the moving and of the still layer
uniform vec2 size;         // of what is drawn, pixels
out vec4 colour;

void main() {
    vec2 at = gl_FragCoord.xy / size;
    vec4 layers = texture(motion, at);
    vec2 source = at - layers.xy * vec2(size.y / size.x, 1.0);
    vec3 moved = texture(photograph, source).rgb;
    vec3 still = texture(photograph, at).rgb;
    float rest = max(0.0, 1.0 - layers.z - layers.w);
    colour = vec4(layers.z * moved + layers.w * still + rest * texture(frame, at).rgb, 1.0);
}
