/* SPDX-License-Identifier: Apache-2.0
 * labench with the misbehaving variants added: its workers are this program too, so they know them.
 */
#include "bad_variants.h"
#include "cli.h"

int main(int argc, char **argv)
{
    bad_register();
    return la_cli_main(argc, argv);
}
