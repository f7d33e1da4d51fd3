/* SPDX-License-Identifier: Apache-2.0
 * Steps of difficulty that tasks of MAD share: the paper makes each task harder by the same numbers.
 */
#ifndef LA_MAD_STEPS_H
#define LA_MAD_STEPS_H

#define LA_MAD_STEPS_VOCAB(task)                                                                   \
    {"vocab", task, "vocab", "32"}, {"vocab", task, "vocab", "64"},                                \
    {                                                                                              \
        "vocab", task, "vocab", "128"                                                              \
    }
#define LA_MAD_STEPS_LENGTH                                                                        \
    {"length", NULL, NULL, "256"}, {"length", NULL, NULL, "512"},                                  \
    {                                                                                              \
        "length", NULL, NULL, "1024"                                                               \
    }
#define LA_MAD_STEPS_EXAMPLES                                                                      \
    {"examples", "train", "examples", "6400"}, {"examples", "train", "examples", "3200"},          \
        {"examples", "train", "examples", "1600"},                                                 \
    {                                                                                              \
        "examples", "train", "examples", "800"                                                     \
    }

#endif
