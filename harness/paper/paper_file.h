/* SPDX-License-Identifier: Apache-2.0
 * What the files that read a table share. A section is read by the rows of a table of keys: each says
 * where a string goes, or which function takes the entry.
 */
#ifndef LA_PAPER_FILE_H
#define LA_PAPER_FILE_H

#include "paper.h"

typedef struct la_paper_file {
    la_ini ini;
    la_paper *paper;
    la_err *err;
} la_paper_file;

enum { LA_BOTH_SCALES = -1 };

/* scale: of KEY.cpu or KEY.full, else LA_BOTH_SCALES. */
typedef la_status (*la_key_taker)(la_paper_file *f, const la_ini_entry *e, int scale, void *into);
typedef struct la_paper_key {
    const char *name;    /* ending in a dot: whatever begins so */
    size_t offset;       /* of a char * in the struct that is filled, when there is no taker */
    la_key_taker take;   /* NULL: a string */
    bool by_scale, must; /* may have a scale; has to be there */
} la_paper_key;

/* Entries without a scale come first, so that those with one win. */
la_status la_file_take(la_paper_file *f, const la_ini_section *section, const la_paper_key *keys,
                       size_t n_keys, void *into);
/* "[panel speed]" is of the kind "panel" and has the name "speed". NULL: of another kind. */
const char *la_file_name(const la_ini_section *section, const char *kind);

/* ---- values ---- */

la_status la_file_complain(la_paper_file *f, const la_ini_entry *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
la_status la_file_string(la_paper_file *f, const la_ini_entry *e, char **out);
/* Words between commas, none empty. */
la_status la_file_list(la_paper_file *f, const la_ini_entry *e, la_strings *out);
la_status la_file_number(la_paper_file *f, const la_ini_entry *e, bool counts, double *out);
la_status la_file_tolerance(la_paper_file *f, const la_ini_entry *e, la_tolerance *out);
la_status la_file_yes(la_paper_file *f, const la_ini_entry *e, bool *out);
la_status la_file_scales(la_paper_file *f, const la_ini_entry *e, bool out[LA_SCALE_COUNT]);
la_status la_file_selectors(la_paper_file *f, const la_ini_entry *e, la_selectors *out);
la_status la_file_status(la_paper_file *f, const la_ini_entry *e, char *out);
la_status la_file_panel(la_paper_file *f, const la_ini_entry *e, const char *name, size_t *out);
la_status la_file_row(la_paper_file *f, const la_ini_entry *e, const char *key, size_t *out);
/* "Nearest: flash." with a space behind it, or "". */
const char *la_file_nearest(const char *word, const char *const *known, size_t n, char buf[80]);
/* "1k", "0.5": false for another text. counts: k, m and g are 1024-based. */
bool la_paper_number(const char *text, bool counts, double *out);
void la_selectors_release(la_selectors *selectors);

/* ---- sections ---- */

la_status la_file_sweep(la_paper_file *f, const la_ini_section *section, la_paper_sweep *sweep);
la_status la_file_panels(la_paper_file *f);
/* After the rows: that every {hole} is filled wherever it is used. */
la_status la_file_check_holes(la_paper_file *f);
la_status la_file_row_section(la_paper_file *f, const la_ini_section *section, la_paper_row *row);
la_status la_file_published(la_paper_file *f, const la_ini_section *section);
la_status la_file_claim(la_paper_file *f, const la_ini_section *section, la_paper_claim *claim);

#endif
