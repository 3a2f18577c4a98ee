#version 330 core
// Stretches the picture over its rectangle, bilinear, and turns it: row 0 of the texture goes to the top.
uniform sampler2D picture;
uniform vec2 origin;       // lower left corner of the rectangle, pixels
uniform vec2 size;         // of the rectangle, pixels
out vec4 colour;

void main() {
    vec2 at = (gl_FragCoord.xy - origin) / size;
    colour = vec4(texture(picture, vec2(at.x, 1.0 - at.y)).rgb, 1.0);
}
