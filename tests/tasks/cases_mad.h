/* SPDX-License-Identifier: Apache-2.0
 * the six MAD tasks: task, options, what does not hold for all. */
{"mad_recall", "", UNEVEN},
{"mad_recall", "vocab=128", UNEVEN},
{"mad_noisy_recall", "", UNEVEN},
{"mad_noisy_recall", "vocab=33 noise_vocab=10 noise=0.8", UNEVEN},
{"mad_fuzzy_recall", "", UNEVEN},
{"mad_fuzzy_recall", "vocab=128 key_motif=4 value_motif=1", UNEVEN},
{"mad_memorization", "", SILENT},
{"mad_memorization", "vocab=8192 map=7", SILENT},
{"mad_selective_copying", "", SILENT},
{"mad_selective_copying", "vocab=128 tokens=32", SILENT},
{"mad_compression", "", 0},
{"mad_compression", "vocab=128", 0},
