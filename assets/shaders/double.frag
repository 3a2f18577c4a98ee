#version 330 core
// Twice the size by cubic convolution (A = -0.75). Rows keep the picture's order: row 0 is the top.
uniform sampler2D picture;
out vec4 colour;

// The cubic kernel at distances 1.25, 0.25, 0.75, 1.75; mirrored for even positions.
const float tap[4] = float[](-0.10546875, 0.87890625, 0.26171875, -0.03515625);

void main() {
    ivec2 last = textureSize(picture, 0) - 1;
    ivec2 position = ivec2(gl_FragCoord.xy);
    ivec2 odd = position & 1;
    ivec2 step = odd * 2 - 1;
    ivec2 source = position >> 1;
    vec3 sum = vec3(0.0);
    for (int j = 0; j < 4; ++j)
        for (int i = 0; i < 4; ++i) {
            ivec2 at = clamp(source + step * (ivec2(i, j) - 1), ivec2(0), last);
            sum += tap[i] * tap[j] * texelFetch(picture, at, 0).rgb;
        }
    colour = vec4(sum, 1.0);
}
