#version 330 core
// A disc or ring by its signed distance, with a dark rim so that it reads on any picture. Premultiplied alpha.
uniform vec2 viewport;
uniform float rim;         // width of the dark rim, pixels
flat in vec2 middle;
flat in vec2 shape;
flat in vec4 fill;
out vec4 colour;

void main() {
    float from_middle = length(vec2(gl_FragCoord.x, viewport.y - gl_FragCoord.y) - middle);
    float distance_px = shape.y > 0.0 ? abs(from_middle - shape.x) - 0.5 * shape.y : from_middle - shape.x;
    float inside = clamp(0.5 - distance_px, 0.0, 1.0) * fill.a;
    float around = clamp(0.5 - (distance_px - rim), 0.0, 1.0) * 0.6 * fill.a;
    colour = vec4(fill.rgb * inside, inside + around * (1.0 - inside));
}
