#version 330 core
// One disc or ring an instance. Positions are pixels from the viewport's top left corner, y down.
uniform vec2 viewport;
in vec2 centre;
in float radius;
in float stroke;           // 0: a filled disc; else the width of a ring
in vec4 tint;
flat out vec2 middle;
flat out vec2 shape;       // radius, stroke
flat out vec4 fill;

void main() {
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0 - 1.0;
    vec2 at = centre + corner * (radius + 0.5 * stroke + 4.0);
    gl_Position = vec4(at.x / viewport.x * 2.0 - 1.0, 1.0 - at.y / viewport.y * 2.0, 0.0, 1.0);
    middle = centre;
    shape = vec2(radius, stroke);
    fill = tint;
}
