/* SPDX-License-Identifier: Apache-2.0 */
/* filetype: see filetype.h. Looks at bytes and at nothing else; what a format's word for itself is,
 * is compared as it stands in that format's description. Not responsible for tars, compressed or
 * not. */
#include "rootfs-cache/confined/filetype.h"

#include <string.h>
#include <strings.h>

#define IMPORT_DIRECTORY "then: cupel rootfs import NAME root"
#define DISK_HINT                                                                                  \
    "take its files out with virt-tar-out (libguestfs): virt-tar-out -a FILE / root.tar"

struct mark {
    size_t at;
    const char *bytes;
    size_t n;
    struct filetype type;
};
#define MARK(at, text) at, text, sizeof(text) - 1

static const struct mark marks[] = {
    {MARK(0, "hsqs"), {"a squashfs image", "as root: unsquashfs -d root FILE; " IMPORT_DIRECTORY}},
    {MARK(32, "SIF_MAGIC"),
     {"an Apptainer (Singularity) image",
      "apptainer build --sandbox root FILE; " IMPORT_DIRECTORY}},
    {MARK(0, "7z\xbc\xaf\x27\x1c"),
     {"a 7z archive", "7z x -oroot FILE (it has no owners); " IMPORT_DIRECTORY}},
    {MARK(0, "PK\3\4"),
     {"a zip archive", "bsdtar -cf root.tar @FILE makes a tar of it (it has no owners)"}},
    {MARK(0, "Rar!\x1a\7"),
     {"a RAR archive", "bsdtar -cf root.tar @FILE makes a tar of it (it has no owners)"}},
    {MARK(0, "LZIP"), {"a file compressed by lzip", "lzip -d FILE, and take what comes of it"}},
    {MARK(0, "\x89LZO\0\r\n\x1a\n"),
     {"a file compressed by lzop", "lzop -d FILE, and take what comes of it"}},
    {MARK(0, "QFI\xfb"), {"a qcow2 disk image", DISK_HINT}},
    {MARK(0, "KDMV"), {"a VMDK disk image", DISK_HINT}},
    {MARK(0, "vhdxfile"), {"a VHDX disk image", DISK_HINT}},
    {MARK(0, "conectix"), {"a VHD disk image", DISK_HINT}},
    {MARK(0x40, "\x7f\x10\xda\xbe"), {"a VirtualBox disk image", DISK_HINT}},
    {MARK(512, "EFI PART"), {"a disk image with a partition table", DISK_HINT}},
    {MARK(32769, "CD001"),
     {"an ISO image", "bsdtar -cf root.tar @FILE makes a tar of it; a live system's root is a "
                      "squashfs image in it"}},
    {MARK(1080, "\x53\xef"),
     {"an ext4 file system",
      "as root: mkdir root && mount -o loop,ro FILE root; " IMPORT_DIRECTORY}},
    {MARK(0, "XFSB"),
     {"an XFS file system",
      "as root: mkdir root && mount -o loop,ro FILE root; " IMPORT_DIRECTORY}},
    {MARK(65600, "_BHRfS_M"),
     {"a btrfs file system",
      "as root: mkdir root && mount -o loop,ro FILE root; " IMPORT_DIRECTORY}},
    {MARK(1024, "\xe2\xe1\xf5\xe0"),
     {"an EROFS image", "as root: mkdir root && mount -o loop,ro FILE root; " IMPORT_DIRECTORY}},
    {MARK(0, "!<arch>\ndebian-binary"),
     {"a Debian package", "dpkg-deb --fsys-tarfile FILE >root.tar; a root with a package in it: "
                          "`debian` in a job file"}},
    {MARK(0, "\xed\xab\xee\xdb"), {"an RPM package", "rpm2archive FILE makes a tar of it"}},
    {MARK(0, "070701"),
     {"a cpio archive (an initramfs)", "bsdtar -cf root.tar @FILE makes a tar of it"}},
    {MARK(0, "070707"), {"a cpio archive", "bsdtar -cf root.tar @FILE makes a tar of it"}},
    {MARK(0, "070702"), {"a cpio archive", "bsdtar -cf root.tar @FILE makes a tar of it"}},
    {MARK(0, "\xc7\x71"), {"a cpio archive", "bsdtar -cf root.tar @FILE makes a tar of it"}},
    {MARK(0, "MSCF\0\0\0\0"),
     {"a cabinet archive", "bsdtar -cf root.tar @FILE makes a tar of it (it has no owners)"}},
    {MARK(0, "!<arch>\n"),
     {"an ar archive or a static library", "what is in it comes out with: ar x FILE"}},
    {MARK(0, "begin-base64 "),
     {"a file encoded in base64", "uudecode FILE, and take what comes of it"}},
    {MARK(0, "begin 6"), {"a uuencoded file", "uudecode FILE, and take what comes of it"}},
    {MARK(0, "#mtree"),
     {"an mtree specification",
      "it lists files and has none: bsdtar -cf root.tar @FILE, where they are"}},
    {MARK(0, "LRZI"), {"a file compressed by lrzip", "lrzip -d FILE, and take what comes of it"}},
    {MARK(0, "MSWIM\0\0\0"),
     {"a WIM image (Windows)", "cupel runs programs of Linux: it takes a root of one"}},
    {MARK(0, "LUKS\xba\xbe"),
     {"an encrypted disk (LUKS)",
      "as root: cryptsetup open --readonly FILE root, mount /dev/mapper/root; " IMPORT_DIRECTORY}},
    {MARK(1024, "\x10\x20\xf5\xf2"),
     {"an F2FS file system",
      "as root: mkdir root && mount -o loop,ro FILE root; " IMPORT_DIRECTORY}},
    {MARK(3, "NTFS    "),
     {"an NTFS file system", "it has no owners and modes of Linux: take a root of Linux"}},
    {MARK(82, "FAT32   "),
     {"a FAT file system", "it has no owners and modes: take a tar of a root"}},
    {MARK(54, "FAT1"), {"a FAT file system", "it has no owners and modes: take a tar of a root"}},
    {MARK(0, "\x45\x3d\xcd\x28"),
     {"a cramfs image", "as root: mkdir root && mount -o loop,ro FILE root; " IMPORT_DIRECTORY}},
    {MARK(0, "UBI#"),
     {"a UBI image of flash memory",
      "ubireader_extract_files FILE (ubi_reader); " IMPORT_DIRECTORY}},
    {MARK(0, "\x3a\xff\x26\xed"),
     {"a sparse image of Android's", "simg2img FILE disk.img, and take what comes of it"}},
    {MARK(0, "ANDROID!"),
     {"a boot image of Android's", "its root is a cpio archive in it: unpack_bootimg"}},
    {MARK(0x202, "HdrS"), {"a Linux kernel", "a root is what it starts: take a tar of one"}},
    {MARK(0, "\xff\6\0\0sNaPpY"),
     {"a file compressed by snappy", "snzip -d FILE, and take what comes of it"}},
    {MARK(0, "xar!"), {"a xar archive", "bsdtar -cf root.tar @FILE makes a tar of it"}},
    {MARK(0, "\0asm"),
     {"a WebAssembly module",
      "cupel runs programs of Linux: it takes a root with a runtime in it"}},
    {MARK(0, "\x7f"
             "ELF"),
     {"a program", "a root is a tar; `rootfs: scratch` and `inputs` run a static program alone"}},
    {MARK(0, "version https://git-lfs"),
     {"a pointer of Git LFS", "git lfs pull fetches what it stands for"}},
    {MARK(0, "age-encryption.org/"), {"a file encrypted by age", "age -d FILE >root.tar"}},
    {MARK(0, "-----BEGIN PGP MESSAGE"), {"a file encrypted by PGP", "gpg -d FILE >root.tar"}},
    {MARK(0, "-----BEGIN PGP SIG"), {"a signature", "the file that it signs is the one to take"}},
    {MARK(0, "%PDF-"), {"a PDF document", "a root is a tar of a file system"}},
};

static const struct filetype
    empty = {"an empty file", "it was not written, or not fetched: make or fetch it again"},
    html = {"an HTML page", "a server's page in place of the file (of an error, or to log in): "
                            "look into it; curl -fL fails instead"},
    xml = {"an XML document",
           "often a server's message in place of the file: look into it; curl -fL fails instead"},
    script = {"a script", "a root is a tar; `rootfs: host` and `inputs` run a script"},
    plain =
        {"a text file",
         "a server's message in place of the file, perhaps: look into it; curl -fL fails instead"},
    wide = {"a text file in UTF-16", "a root is a tar: look into the file"},
    json = {"a JSON document",
            "an image's documents are no root: take the layout or archive that they belong to"},
    disk = {"a disk image with a partition table", DISK_HINT},
    zeros = {"empty: nothing but zeros",
             "a tar without entries, or a file that was never written: make or fetch it again"};

static bool begins(const char *text, size_t n, const char *word)
{
    return n >= strlen(word) && strncasecmp(text, word, strlen(word)) == 0;
}

/* Nothing but what is written: no control but those of lines, and most of it ASCII. */
static bool filetype_is_text(const char *text, size_t n)
{
    size_t high = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c < 0x20 && strchr("\t\n\r\f\033", c) == NULL) || c == '\0' || c == 0x7f)
            return false;
        high += c >= 0x80;
    }
    return high <= n / 4;
}

static const struct filetype *text_type(const char *text, size_t n)
{
    const char *whole = text;
    size_t all = n;
    size_t i = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    while (i < n && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n'))
        i++;
    text += i;
    n -= i;
    if (begins(text, n, "<!doctype html") || begins(text, n, "<html") || begins(text, n, "<head"))
        return &html;
    if (begins(text, n, "<?xml"))
        return &xml;
    if (n > 1 && (text[0] == '{' || (text[0] == '[' && text[1] == '{')))
        return &json;
    return filetype_is_text(whole, all) ? begins(whole, all, "#!") ? &script : &plain : NULL;
}

/* A boot sector's mark, and in its table at least one partition of a known state (0 or 0x80) and of
 * some type. */
static bool is_disk(const unsigned char *data, size_t n)
{
    bool any = false;

    if (n < 512 || data[510] != 0x55 || data[511] != 0xaa)
        return false;
    for (size_t i = 446; i < 510; i += 16) {
        if (data[i] != 0 && data[i] != 0x80)
            return false;
        any |= data[i + 4] != 0;
    }
    return any;
}

static bool is_zero(const char *data, size_t n)
{
    return data[0] == '\0' && memcmp(data, data + 1, n - 1) == 0;
}

const struct filetype *filetype_of(const void *data, size_t n)
{
    const struct filetype *text;

    if (n == 0)
        return &empty;
    for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
        const struct mark *m = &marks[i];

        if (n >= m->at + m->n && memcmp((const char *)data + m->at, m->bytes, m->n) == 0)
            return &m->type;
    }
    if (is_disk(data, n))
        return &disk;
    if (n > 2 && (memcmp(data, "\xff\xfe", 2) == 0 || memcmp(data, "\xfe\xff", 2) == 0))
        return &wide;
    text = text_type(data, n);
    return text != NULL ? text : is_zero(data, n) ? &zeros : NULL;
}

const struct filetype *filetype_of_fd(int fd)
{
    cleanup_free char *head = xmalloc(FILETYPE_HEAD);
    size_t got = 0;

    while (got < FILETYPE_HEAD) {
        ssize_t n = pread(fd, head + got, FILETYPE_HEAD - got, (off_t)got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return NULL;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return filetype_of(head, got);
}
