//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#include "CMitogenPlatform.h"

#include <stdatomic.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_neon.h>
#include <sys/auxv.h>
#endif

// FIPS 180-4. Here because no library that a payload may contain has it. Files are hashed at the speed of the link only with
// the processor's instructions for it; whether it has them is only known at run time.

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

typedef void compress_blocks(uint32_t state[8], const uint8_t *blocks, size_t count);

static uint32_t rotate(uint32_t word, int count) {
    return word >> count | word << (32 - count);
}

static uint32_t load(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

// One round. The eight words change their names from round to round instead of their places.
#define ROUND(a, b, c, d, e, f, g, h, i)                                                                              \
    do {                                                                                                               \
        uint32_t first = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (g ^ (e & (f ^ g))) + constants[i]       \
            + words[(i) & 15];                                                                                         \
        d += first;                                                                                                    \
        h = first + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) | (c & (a | b)));                        \
    } while (0)

static void compress_portable(uint32_t state[8], const uint8_t *blocks, size_t count) {
    uint32_t words[16];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (; count > 0; count--, blocks += 64) {
        for (int i = 0; i < 16; i++) words[i] = load(blocks + 4 * i);
        for (int i = 0; i < 64; i += 8) {
            if (i >= 16) {
                for (int j = i; j < i + 8; j++) {
                    uint32_t x = words[(j + 1) & 15], y = words[(j + 14) & 15];
                    words[j & 15] += words[(j + 9) & 15] + (rotate(x, 7) ^ rotate(x, 18) ^ x >> 3)
                        + (rotate(y, 17) ^ rotate(y, 19) ^ y >> 10);
                }
            }
            ROUND(a, b, c, d, e, f, g, h, i);
            ROUND(h, a, b, c, d, e, f, g, i + 1);
            ROUND(g, h, a, b, c, d, e, f, i + 2);
            ROUND(f, g, h, a, b, c, d, e, i + 3);
            ROUND(e, f, g, h, a, b, c, d, i + 4);
            ROUND(d, e, f, g, h, a, b, c, i + 5);
            ROUND(c, d, e, f, g, h, a, b, i + 6);
            ROUND(b, c, d, e, f, g, h, a, i + 7);
        }
        a = state[0] += a, b = state[1] += b, c = state[2] += c, d = state[3] += d;
        e = state[4] += e, f = state[5] += f, g = state[6] += g, h = state[7] += h;
    }
}

#if defined(__x86_64__)

// Four rounds with the words of `w`.
#define X86_ROUNDS(i, w)                                                                                               \
    do {                                                                                                               \
        __m128i sum = _mm_add_epi32(w, _mm_loadu_si128((const __m128i *)(const void *)(constants + (i))));             \
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);                                                                 \
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));                                        \
    } while (0)
// The next four words of the schedule, in place of the oldest four.
#define X86_SCHEDULE(w0, w1, w2, w3)                                                                                   \
    w0 = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4)), w3)

__attribute__((target("sha,ssse3,sse4.1")))
static void compress_x86(uint32_t state[8], const uint8_t *blocks, size_t count) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)state), 0xb1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(state + 4)), 0x1b);
    __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xf0);
    for (; count > 0; count--, blocks += 64) {
        const __m128i *in = (const __m128i *)(const void *)blocks, abef_before = abef, cdgh_before = cdgh;
        __m128i w0 = _mm_shuffle_epi8(_mm_loadu_si128(in), swap), w1 = _mm_shuffle_epi8(_mm_loadu_si128(in + 1), swap);
        __m128i w2 = _mm_shuffle_epi8(_mm_loadu_si128(in + 2), swap), w3 = _mm_shuffle_epi8(_mm_loadu_si128(in + 3), swap);
        X86_ROUNDS(0, w0);
        X86_ROUNDS(4, w1);
        X86_ROUNDS(8, w2);
        X86_ROUNDS(12, w3);
        for (int i = 16; i < 64; i += 16) {
            X86_SCHEDULE(w0, w1, w2, w3);
            X86_ROUNDS(i, w0);
            X86_SCHEDULE(w1, w2, w3, w0);
            X86_ROUNDS(i + 4, w1);
            X86_SCHEDULE(w2, w3, w0, w1);
            X86_ROUNDS(i + 8, w2);
            X86_SCHEDULE(w3, w0, w1, w2);
            X86_ROUNDS(i + 12, w3);
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    low = _mm_shuffle_epi32(abef, 0x1b), high = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(low, high, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(high, low, 8));
}

static compress_blocks *fastest(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_SHA)) return compress_portable;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return compress_portable;
    return compress_x86;
}

#elif defined(__aarch64__) && defined(__linux__)

__attribute__((target("sha2")))
static void compress_arm(uint32_t state[8], const uint8_t *blocks, size_t count) {
    uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);
    for (; count > 0; count--, blocks += 64) {
        uint32x4_t abcd_before = abcd, efgh_before = efgh, w[4];
        for (int i = 0; i < 4; i++) w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(blocks + 16 * i)));
        for (int i = 0; i < 16; i++) {
            uint32x4_t *now = &w[i & 3], next = w[(i + 1) & 3];
            if (i >= 4) *now = vsha256su1q_u32(vsha256su0q_u32(*now, next), w[(i + 2) & 3], w[(i + 3) & 3]);
            uint32x4_t sum = vaddq_u32(*now, vld1q_u32(constants + 4 * i)), before = abcd;
            abcd = vsha256hq_u32(abcd, efgh, sum);
            efgh = vsha256h2q_u32(efgh, before, sum);
        }
        abcd = vaddq_u32(abcd, abcd_before);
        efgh = vaddq_u32(efgh, efgh_before);
    }
    vst1q_u32(state, abcd);
    vst1q_u32(state + 4, efgh);
}

static compress_blocks *fastest(void) {
    return getauxval(AT_HWCAP) & 1 << 6 /* HWCAP_SHA2 */ ? compress_arm : compress_portable;
}

#else

static compress_blocks *fastest(void) {
    return compress_portable;
}

#endif

static compress_blocks *chosen(void) {
    static _Atomic(compress_blocks *) known;
    compress_blocks *compress = atomic_load_explicit(&known, memory_order_relaxed);
    if (!compress) {
        compress = fastest();
        atomic_store_explicit(&known, compress, memory_order_relaxed);
    }
    return compress;
}

static void hash(compress_blocks *compress, const uint8_t *bytes, size_t length, uint8_t digest[32]) {
    uint32_t state[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    uint8_t tail[128] = { 0 };
    size_t left = length % 64, total = left < 56 ? 64 : 128;
    compress(state, bytes, length / 64);
    if (left > 0) memcpy(tail, bytes + (length - left), left);
    tail[left] = 0x80;
    for (int i = 0; i < 8; i++) tail[total - 1 - i] = (uint8_t)((uint64_t)length * 8 >> (8 * i));
    compress(state, tail, total / 64);
    for (int i = 0; i < 32; i++) digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

void cmitogen_sha256(const void *bytes, size_t length, uint8_t digest[32]) {
    hash(chosen(), bytes, length, digest);
}

void cmitogen_sha256_portable(const void *bytes, size_t length, uint8_t digest[32]) {
    hash(compress_portable, bytes, length, digest);
}

void cmitogen_sha256_blocks(uint32_t state[8], const uint8_t *blocks, size_t count) {
    chosen()(state, blocks, count);
}

bool cmitogen_sha256_uses_processor(void) {
    return chosen() != compress_portable;
}
