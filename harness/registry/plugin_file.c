/* SPDX-License-Identifier: Apache-2.0
 * What can be known of a plugin from its bytes alone. Everything read is held against the length of the
 * file: it may be anything.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "plugin_load.h"

#define SYMBOL "la_plugin_v1"

#if defined(__x86_64__)
enum { OWN_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { OWN_MACHINE = EM_AARCH64 };
#else
enum { OWN_MACHINE = EM_NONE };
#endif

typedef struct image {
    const char *path;
    const unsigned char *bytes;
    size_t len;
} image;

static bool inside(const image *im, uint64_t offset, uint64_t len)
{
    return offset <= im->len && len <= im->len - offset;
}

static const char *machine_name(int machine, char buf[24])
{
    switch (machine) {
    case EM_X86_64:
        return "x86-64";
    case EM_386:
        return "32-bit x86";
    case EM_AARCH64:
        return "aarch64";
    case EM_ARM:
        return "32-bit ARM";
    case EM_RISCV:
        return "RISC-V";
    case EM_PPC64:
        return "PowerPC 64";
    default:
        snprintf(buf, 24, "machine %d", machine);
        return buf;
    }
}

static la_status check_kind(const image *im, la_err *err)
{
    const Elf64_Ehdr *head = (const void *)im->bytes;
    char one[24], two[24];
    if (im->len < EI_NIDENT || memcmp(im->bytes, ELFMAG, SELFMAG) != 0)
        return LA_FAIL(err, LA_E_ARG,
                       "plugin %.300s is not a shared library; build one with cc -shared -fPIC",
                       im->path);
    if (im->bytes[EI_CLASS] != ELFCLASS64 || im->len < sizeof *head)
        return LA_FAIL(err, LA_E_ARG,
                       "plugin %.300s is not built for a 64-bit machine; this one is %s", im->path,
                       machine_name(OWN_MACHINE, one));
    if (im->bytes[EI_DATA] != ELFDATA2LSB)
        return LA_FAIL(err, LA_E_ARG,
                       "plugin %.300s is built for a big-endian machine; this one is %s", im->path,
                       machine_name(OWN_MACHINE, one));
    if (OWN_MACHINE != EM_NONE && head->e_machine != OWN_MACHINE)
        return LA_FAIL(err, LA_E_ARG, "plugin %.300s is built for %s; this machine is %s", im->path,
                       machine_name(head->e_machine, one), machine_name(OWN_MACHINE, two));
    if (head->e_type != ET_DYN)
        return LA_FAIL(err, LA_E_ARG,
                       "plugin %.300s is %s, not a shared library; link it with cc -shared",
                       im->path, head->e_type == ET_REL ? "an object file" : "no dynamic library");
    return LA_OK;
}

/* Section `index` of the file, NULL where the table does not hold it. */
static const Elf64_Shdr *section(const image *im, uint64_t index)
{
    const Elf64_Ehdr *head = (const void *)im->bytes;
    if (index >= head->e_shnum || head->e_shentsize != sizeof(Elf64_Shdr)) return NULL;
    uint64_t at = head->e_shoff + index * sizeof(Elf64_Shdr);
    if (head->e_shoff % 8 || !inside(im, head->e_shoff, 0) || !inside(im, at, sizeof(Elf64_Shdr)))
        return NULL;
    const Elf64_Shdr *s = (const void *)(im->bytes + at);
    if (s->sh_type != SHT_NOBITS && !inside(im, s->sh_offset, s->sh_size)) return NULL;
    return s;
}

/* The exported symbol, or NULL; *any tells whether the file has a table of symbols to look in. */
static const Elf64_Sym *find_symbol(const image *im, bool *any)
{
    const Elf64_Shdr *table;
    *any = false;
    for (uint64_t i = 0; i < ((const Elf64_Ehdr *)(const void *)im->bytes)->e_shnum; i++) {
        table = section(im, i);
        if (!table || table->sh_type != SHT_DYNSYM || table->sh_offset % 8) continue;
        const Elf64_Shdr *names = section(im, table->sh_link);
        if (!names || names->sh_type != SHT_STRTAB) continue;
        *any = true;
        for (uint64_t s = 0; s < table->sh_size / sizeof(Elf64_Sym); s++) {
            const Elf64_Sym *sym =
                (const void *)(im->bytes + table->sh_offset + s * sizeof(Elf64_Sym));
            if (sym->st_shndx == SHN_UNDEF || sym->st_name >= names->sh_size) continue;
            uint64_t room = names->sh_size - sym->st_name;
            const char *name = (const char *)(im->bytes + names->sh_offset + sym->st_name);
            if (room > strlen(SYMBOL) && memcmp(name, SYMBOL, sizeof SYMBOL) == 0) return sym;
        }
    }
    return NULL;
}

/* The bytes of the file that will lie at an address; NULL: none. */
static const void *at_address(const image *im, uint64_t address, uint64_t len)
{
    const Elf64_Ehdr *head = (const void *)im->bytes;
    for (uint64_t i = 0; i < head->e_phnum; i++) {
        uint64_t at = head->e_phoff + i * sizeof(Elf64_Phdr);
        if (head->e_phoff % 8 || !inside(im, head->e_phoff, 0) ||
            !inside(im, at, sizeof(Elf64_Phdr)))
            return NULL;
        const Elf64_Phdr *p = (const void *)(im->bytes + at);
        if (p->p_type != PT_LOAD || address < p->p_vaddr) continue;
        uint64_t offset = address - p->p_vaddr;
        if (offset > p->p_filesz || len > p->p_filesz - offset ||
            !inside(im, p->p_offset, p->p_filesz))
            continue;
        return im->bytes + p->p_offset + offset;
    }
    return NULL;
}

/* abi and size are plain numbers at the start of the symbol, so that they can be read here. */
static la_status check_symbol(const image *im, la_err *err)
{
    bool any;
    uint32_t words[2];
    const Elf64_Sym *sym = find_symbol(im, &any);
    if (!any) return LA_OK; /* stripped of its sections: dlsym will tell */
    if (!sym)
        return LA_FAIL(err, LA_E_ARG,
                       "plugin %.300s does not export %s; write LA_PLUGIN(variant); in its C file",
                       im->path, SYMBOL);
    const void *at = at_address(im, sym->st_value, sizeof words);
    if (ELF64_ST_TYPE(sym->st_info) != STT_OBJECT || sym->st_size < sizeof(la_plugin) || !at)
        return LA_FAIL(
            err, LA_E_ARG,
            "plugin %.300s: its %s is no la_plugin; write LA_PLUGIN(variant); in its C file",
            im->path, SYMBOL);
    memcpy(words, at, sizeof words);
    if (words[0] != LA_ABI)
        return LA_FAIL(err, LA_E_ARG,
                       "plugin %.300s is built for ABI %" PRIu32
                       " of labench; this is ABI %u: build it again with the headers of this "
                       "labench",
                       im->path, words[0], LA_ABI);
    if (words[1] != sizeof(la_variant))
        return LA_FAIL(err, LA_E_ARG,
                       "plugin %.300s has a descriptor of %" PRIu32
                       " bytes where this labench has %zu: build it again with the headers of this "
                       "labench",
                       im->path, words[1], sizeof(la_variant));
    return LA_OK;
}

la_status la_plugin_file_check(const char *path, char code[33], la_err *err)
{
    struct stat file;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &file) != 0) {
        int why = errno;
        if (fd >= 0) close(fd);
        return LA_FAIL(err, why == ENOENT ? LA_E_NOTFOUND : LA_E_ARG, "plugin %.300s: %s", path,
                       why == ENOENT ? "there is no such file" : strerror(why));
    }
    if (!S_ISREG(file.st_mode) || file.st_size == 0) {
        close(fd);
        return LA_FAIL(err, LA_E_ARG, "plugin %.300s is %s, not a shared library", path,
                       S_ISDIR(file.st_mode) ? "a folder" : "no file with anything in it");
    }
    image im = {.path = path, .len = (size_t)file.st_size};
    void *bytes = mmap(NULL, im.len, PROT_READ, MAP_PRIVATE, fd, 0);
    int why = errno;
    close(fd);
    if (bytes == MAP_FAILED)
        return LA_FAIL(err, LA_E_IO, "plugin %.300s cannot be read: %s", path, strerror(why));
    im.bytes = bytes;
    XXH128_hash_t h = XXH3_128bits(im.bytes, im.len);
    snprintf(code, 33, "%016" PRIx64 "%016" PRIx64, (uint64_t)h.high64, (uint64_t)h.low64);
    la_status st = check_kind(&im, err);
    if (st == LA_OK) st = check_symbol(&im, err);
    munmap(bytes, im.len);
    return st;
}
