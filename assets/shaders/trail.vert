#version 330 core
// One segment of a trail an instance. Positions are pixels from the viewport's top left corner, y down.
uniform vec2 viewport;
uniform float reach;       // half the width of the line with its rim, pixels
in vec2 start;
in vec2 end;
in vec2 start_seam;        // direction across which the neighbour takes over; zero at the ends of the trail
in vec2 end_seam;
in vec2 strength;          // alpha at start and end
in vec4 tint;
flat out vec4 segment;
flat out vec4 seams;
flat out vec2 fade;
flat out vec4 fill;

void main() {
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0 - 1.0;
    vec2 along = normalize(end - start);
    vec2 at = mix(start, end, corner.x * 0.5 + 0.5) + reach * (along * corner.x + vec2(-along.y, along.x) * corner.y);
    gl_Position = vec4(at.x / viewport.x * 2.0 - 1.0, 1.0 - at.y / viewport.y * 2.0, 0.0, 1.0);
    segment = vec4(start, end);
    seams = vec4(start_seam, end_seam);
    fade = strength;
    fill = tint;
}
