/* SPDX-License-Identifier: Apache-2.0
 * Attention by tiles on devices: where packed rows and keys of a cache lie, and which tiles a block may skip.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

extern "C" {
#include <cmocka.h>
}

#include "flash_place.cuh"

static void keys_of_a_ring_come_before_those_of_the_call(void **)
{
    /* Places 4, 0, 1 of 5 are held; own tokens are 7 channels x 3 heads apart. */
    la_flash_rows x = {nullptr, nullptr, 21, 0, 1, 3, 4, 5, 7, false};
    const int64_t want[] = {28, 0, 7, 0, 21, 42};
    for (int r = 0; r < 6; r++) assert_int_equal(la_flash_row(x, r), want[r]);
}

static void packed_rows_go_through_the_heads_of_a_group(void **)
{
    la_flash_rows x = {nullptr, nullptr, 640, 128, 2, 0, 0, 1, 128, true};
    const int64_t want[] = {0, 128, 640, 768};
    for (int r = 0; r < 4; r++) assert_int_equal(la_flash_row(x, r), want[r]);
}

static void offsets_do_not_end_at_32_bits(void **)
{
    la_flash_rows x = {nullptr, nullptr, 64 * 256, 256, 4, 0, 0, 1, 256, true};
    assert_true(la_flash_row(x, 4 * 1000000 + 3) == INT64_C(1000000) * 64 * 256 + 3 * 256);
    x.held = x.capacity = 100000000;
    assert_true(la_flash_row(x, 99999999) == INT64_C(99999999) * 256);
}

static void seen_by_one(const la_flash_call *c, int at, int key, bool *sees)
{
    bool late = c->causal ? key > at : key - at >= c->window;
    *sees = key >= 0 && key < c->held + c->own && key > at - c->window && !late;
}

/* Every tile of keys against every band of rows: what la_flash_meets and la_flash_cuts say must hold for the
 * pairs one by one; a tile may be met without need, never skipped or left unmasked with one. */
static void check_bands(const la_flash_call *c, int n, int keys)
{
    int group = (int)(c->H / c->Hkv), rows = c->T * group;
    for (int first = 0; first < rows + n; first += n) {
        la_flash_band band = la_flash_band_of(*c, first, n);
        assert_int_equal(band.there, first < rows);
        for (int key = 0; key < c->held + c->own; key += keys) {
            bool any = false, all = true;
            for (int r = first; r < first + n && r < rows; r++)
                for (int j = key; j < key + keys; j++) {
                    bool sees;
                    seen_by_one(c, c->base + r / group, j, &sees);
                    any = any || sees;
                    all = all && sees;
                }
            if (any) assert_true(la_flash_meets(band, key, keys));
            if (!all && first < rows) assert_true(la_flash_cuts(band, key, keys));
            if (all && first < rows) assert_false(la_flash_cuts(band, key, keys));
        }
    }
}

static void bands_skip_no_pair_that_counts(void **)
{
    const int windows[] = {1, 5, 16, 1 << 30}, held[] = {0, 1, 23};
    for (int i = 0; i < 4 * 3 * 2 * 2; i++) {
        la_flash_call c = {};
        c.Hkv = 1;
        c.H = i % 2 ? 3 : 1;
        c.T = c.own = 37;
        c.causal = i / 2 % 2;
        c.held = c.base = held[i / 4 % 3];
        c.window = windows[i / 12];
        check_bands(&c, 16, 16);
        check_bands(&c, 64, 48);
    }
}

static void a_query_alone_sees_what_is_held(void **)
{
    la_flash_call c = {};
    c.H = c.Hkv = 1;
    c.T = 1;
    c.base = -1;
    c.window = 4;
    c.causal = true;
    la_flash_band none = la_flash_band_of(c, 0, 64);
    assert_true(none.some.first >= none.some.end);
    c.held = 4;
    c.base = 3;
    la_flash_span all = la_flash_seen(c, c.base);
    assert_true(all.first == 0 && all.end == 4);
}

/* Every part of every tile of every head once; heads in groups, and in those the last rows first. */
static void blocks_go_by_groups_of_heads_and_from_the_last_rows(void **)
{
    const int heads[] = {1, 5, 6}, together[] = {0, 1, 2, 4, 100};
    for (int i = 0; i < 3 * 5 * 2; i++) {
        la_flash_call c = {};
        c.B = 1, c.H = 2 * heads[i % 3], c.Hkv = heads[i % 3], c.T = 90;
        c.together = together[i / 3 % 5];
        c.splits = i / 15 + 1;
        const int tiles = 3, items = heads[i % 3] * tiles * c.splits;
        const int some = c.together && c.together < c.Hkv ? (int)c.together : heads[i % 3];
        bool seen[6][3][2] = {};
        int group = 0, row = 1 << 20;
        for (int item = 0; item < items; item++) {
            la_flash_place at = la_flash_place_at(c, 64, item);
            assert_true(at.b == 0 && at.kv >= 0 && at.kv < c.Hkv && at.row % 64 == 0);
            bool *here = &seen[at.kv][at.row / 64][at.split];
            assert_true(at.row / 64 < tiles && at.split == item % c.splits && !*here);
            *here = true;
            if (at.kv / some != group) row = 1 << 20;
            assert_true(at.kv / some >= group && at.row <= row);
            group = (int)at.kv / some, row = at.row;
        }
    }
    la_flash_call far = {}; /* 2^31 blocks and more */
    far.B = 1 << 20, far.H = far.Hkv = 64, far.T = 6400, far.splits = 1;
    la_flash_place last = la_flash_place_at(far, 64, (INT64_C(100) << 26) - 1);
    assert_true(last.b == far.B - 1 && last.kv == 63 && last.row == 0);
}

int main()
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_a_ring_come_before_those_of_the_call),
        cmocka_unit_test(packed_rows_go_through_the_heads_of_a_group),
        cmocka_unit_test(offsets_do_not_end_at_32_bits),
        cmocka_unit_test(bands_skip_no_pair_that_counts),
        cmocka_unit_test(a_query_alone_sees_what_is_held),
        cmocka_unit_test(blocks_go_by_groups_of_heads_and_from_the_last_rows),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
