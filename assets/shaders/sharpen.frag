#version 330 core
// Unsharp mask over the doubled picture, held within the range of the 3x3 source pixels around: edges get
// steeper, but nothing rings.
uniform sampler2D doubled;
uniform sampler2D picture;
uniform float amount;
out vec4 colour;

void main() {
    ivec2 position = ivec2(gl_FragCoord.xy);
    ivec2 last = textureSize(doubled, 0) - 1;
    ivec2 source = position >> 1;
    ivec2 source_last = textureSize(picture, 0) - 1;
    vec3 blurred = vec3(0.0), low = vec3(1.0), high = vec3(0.0);
    for (int j = -1; j <= 1; ++j)
        for (int i = -1; i <= 1; ++i) {
            float weight = float((2 - abs(i)) * (2 - abs(j))) / 16.0;
            blurred += weight * texelFetch(doubled, clamp(position + ivec2(i, j), ivec2(0), last), 0).rgb;
            vec3 near = texelFetch(picture, clamp(source + ivec2(i, j), ivec2(0), source_last), 0).rgb;
            low = min(low, near);
            high = max(high, near);
        }
    vec3 centre = texelFetch(doubled, position, 0).rgb;
    colour = vec4(clamp(centre + amount * (centre - blurred), low, high), 1.0);
}
