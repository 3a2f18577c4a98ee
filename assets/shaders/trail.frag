#version 330 core
// A segment by its signed distance. Where two segments meet, the bisector parts them, so that each pixel is
// drawn once and a half transparent line shows no beads. Premultiplied alpha.
uniform vec2 viewport;
uniform float half_width;
uniform float rim;
flat in vec4 segment;
flat in vec4 seams;
flat in vec2 fade;
flat in vec4 fill;
out vec4 colour;

void main() {
    vec2 at = vec2(gl_FragCoord.x, viewport.y - gl_FragCoord.y);
    vec2 start = segment.xy, end = segment.zw;
    if (dot(at - start, seams.xy) < 0.0 || (seams.zw != vec2(0.0) && dot(at - end, seams.zw) >= 0.0)) discard;
    vec2 span = end - start;
    float along = clamp(dot(at - start, span) / dot(span, span), 0.0, 1.0);
    float alpha = fill.a * mix(fade.x, fade.y, along);
    float distance_px = length(at - start - span * along) - half_width;
    float inside = clamp(0.5 - distance_px, 0.0, 1.0) * alpha;
    float around = clamp(0.5 - (distance_px - rim), 0.0, 1.0) * 0.5 * alpha;
    colour = vec4(fill.rgb * inside, inside + around * (1.0 - inside));
}
