/* SPDX-License-Identifier: Apache-2.0
 * Blocks and buffers: what a write beyond one does to it, and where a sanitizer sees its end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alloc.h"
#include "watched.h"

static void a_block_ends_where_it_was_asked_to(void **state)
{
    (void)state;
    const size_t bytes[] = {1, 13, 64, 1000, ((size_t)5 << 20) + 3};
    la_err err = {0};
    for (size_t i = 0; i < LA_COUNT(bytes); i++) {
        char *p = la_alloc(bytes[i], &err);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        assert_false(la_watch_closed(p) || la_watch_closed(p + bytes[i] - 1));
        assert_int_equal(la_watch_closed(p - 1), LA_WATCHED);
        assert_int_equal(la_watch_closed(p + bytes[i]), LA_WATCHED);
        la_free(p);
    }
    assert_int_equal(la_mem_live(), 0);
}

LA_UNWATCHED static void write_one(char *at)
{
    *at = 1;
}

static void a_buffer_is_closed_around_and_knows_who_wrote_there(void **state)
{
    (void)state;
    const ptrdiff_t outside[] = {-1, -64, 13, 13 + 63};
    la_err err = {0};
    for (size_t i = 0; i < LA_COUNT(outside); i++) {
        la_buffer buf;
        assert_int_equal(la_buffer_init(&buf, 13, &err), LA_OK);
        assert_int_equal(la_mem_live(), 13);
        char *data = buf.data;
        data[0] = data[12] = 1;
        assert_true(la_buffer_intact(&buf));
        assert_int_equal(la_watch_closed(data + outside[i]), LA_WATCHED);
        write_one(data + outside[i]);
        assert_false(la_buffer_intact(&buf));
        la_buffer_release(&buf);
    }
    assert_int_equal(la_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_ends_where_it_was_asked_to),
        cmocka_unit_test(a_buffer_is_closed_around_and_knows_who_wrote_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
