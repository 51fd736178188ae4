#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images made entry by entry, for tests/e2e/images.sh: what the OCI image specification says of layers (RULES: what an export of the root has
to look like), and what must be refused (HOSTILE: one error that names what is wrong, and a store as it was). Prints a line
for each case: PASS NAME, FAIL NAME: WHY, or SKIP NAME where AddressSanitizer leaves memory unbounded. Needs CUPEL, and a directory of its own as the current one."""
import bz2, glob, gzip, hashlib, io, json, lzma, os, re, shutil, stat, struct, subprocess, sys, tarfile

CUPEL = os.environ['CUPEL']
STORE = os.environ['XDG_CACHE_HOME'] + '/cupel'
ARCH = {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(os.uname().machine, os.uname().machine)
T0 = 1000000000  # what entries have as their time, unless they say another

# ---- tars, by hand: what no writer would write as well -----------------------------------------------------------------


def octal(n, size):
    if 0 <= n < 8 ** (size - 1):
        return b'%0*o\0' % (size - 1, n)
    return b'\x80' + n.to_bytes(size - 1, 'big', signed=True) if n >= 0 else n.to_bytes(size, 'big', signed=True)


def raw(s):
    return s if isinstance(s, bytes) else s.encode()


def header(name, kind=b'0', size=0, mode=0o644, uid=0, gid=0, mtime=T0, link=b'', form='ustar', prefix=b'', tail=b''):
    magic = {'ustar': b'ustar\x0000', 'gnu': b'ustar  \0', 'v7': b'\0' * 8}[form]
    h = (name[:100].ljust(100, b'\0') + octal(mode, 8) + octal(uid, 8) + octal(gid, 8) + octal(size, 12) + octal(mtime, 12) +
         b' ' * 8 + kind + link[:100].ljust(100, b'\0') + magic + b'\0' * 64 + octal(0, 8) + octal(0, 8) + prefix.ljust(155, b'\0'))
    h = h[:500].ljust(512, b'\0')
    if tail:
        h = (h[:345] + tail).ljust(512, b'\0')
    return h[:148] + b'%06o\0 ' % sum(h) + h[156:]


def padded(data):
    return data + b'\0' * (-len(data) % 512)


def pax(records, kind=b'x'):
    body = b''
    for key, value in records.items():
        rest = b' ' + raw(key) + b'=' + raw(value) + b'\n'
        n = len(rest) + 1
        while len(b'%d' % n) + len(rest) != n:
            n = len(b'%d' % n) + len(rest)
        body += b'%d' % n + rest
    return header(b'PaxHeaders/x', kind, len(body)) + padded(body)


def entry(name, kind=b'0', data=b'', link=b'', records=None, long=None, **more):
    name, link, data = raw(name), raw(link), raw(data)
    before = b''
    if records:
        before += pax(records)
    if long == 'gnu':
        for what, text in ((b'L', name), (b'K', link)):
            if len(text) > 99:
                before += header(b'././@LongLink', what, len(text) + 1, form='gnu') + padded(text + b'\0')
        more.setdefault('form', 'gnu')
    if kind == b'5':
        more.setdefault('mode', 0o755)
    more.setdefault('size', len(data))
    return before + header(name, kind, link=link, **more) + padded(data)


def f(name, data='', **more): return entry(name, data=data, **more)
def d(name, **more): return entry(name, b'5', **more)
def l(name, to, **more): return entry(name, b'2', link=to, mode=0o777, **more)
def h(name, to, **more): return entry(name, b'1', link=to, **more)


END = b'\0' * 1024


def layer(*entries):
    return b''.join(entries) + END


def xattr(name, value):
    return {'SCHILY.xattr.' + name: value}


def gnu_sparse():
    """Old GNU: 4 MiB, of which the last four bytes are there."""
    size = 4 << 20
    tail = (b'\0' * 41 + octal(size - 4, 12) + octal(4, 12) + b'\0' * 72 + b'\0' + octal(size, 12))
    return header(b'sparse', b'S', 4, form='gnu', tail=tail) + padded(b'tail')


def sparse(name, size):
    """pax: all of it is a hole but its last four bytes."""
    table = padded(b'1\n%d\n4\n' % (size - 4))
    return (pax({'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': name, 'GNU.sparse.realsize': str(size)}) +
            header(b'GNUSparseFile.0/x', b'0', len(table) + 4) + table + padded(b'tail'))


# ---- layouts -----------------------------------------------------------------------------------------------------------------


def sha(data):
    return hashlib.sha256(data).hexdigest()


class Layout:
    """An OCI layout; what a case wants to be wrong, it changes between these steps."""

    def __init__(self, place, layers, compress=lambda b: b, config=None):
        self.place = place
        os.makedirs(place + '/blobs/sha256')
        self.write('oci-layout', '{"imageLayoutVersion": "1.0.0"}')
        self.diffs = ['sha256:' + sha(x) for x in layers]
        self.layers = [self.put(compress(x)) for x in layers]
        self.config = config or {}
        self.seal()

    def put(self, data):
        data = raw(data)
        with open(self.path(sha(data)), 'wb') as out:
            out.write(data)
        return {'digest': 'sha256:' + sha(data), 'size': len(data)}

    def path(self, digest):
        return self.place + '/blobs/sha256/' + digest.replace('sha256:', '')

    def seal(self):
        config = {'os': 'linux', 'architecture': ARCH, 'config': self.config, 'rootfs': {'type': 'layers', 'diff_ids': self.diffs}}
        self.manifest = self.put(json.dumps({'schemaVersion': 2, 'config': self.put(json.dumps(config)), 'layers': self.layers}))
        self.index([self.manifest])

    def index(self, manifests):
        self.write('index.json', json.dumps({'schemaVersion': 2, 'manifests': manifests}))

    def write(self, name, text):
        with open(self.place + '/' + name, 'wb') as out:
            out.write(raw(text))


def simple(place, **more):
    return Layout(place, [layer(d('dir'), f('dir/file', 'content'))], **more)


def tar_of(place, out):
    with tarfile.open(out, 'w', format=tarfile.USTAR_FORMAT) as t:
        t.add(place, '.')
    return out


def save(path, data):
    with open(path, 'wb') as out:
        out.write(data)
    return path


# ---- the rules: layers, and what the root is then ------------------------------------------------------------------------

CAPABILITY = struct.pack('<IIIII', 0x02000001, 1 << 10, 0, 0, 0)
LONG = 'very-long-directory-name-of-fifty-characters-000000/' * 3 + 'file-' + 'x' * 120
base = layer(d('d', mtime=5), f('d/a', 'low a'), f('d/b', 'low b'), f('file', 'low'), l('link', 'd'), d('gone'), f('gone/x', 'x'),
             d('usr'), d('usr/lib'), l('lib', 'usr/lib'), f('h', 'hard', mode=0o4755, mtime=7))

RULES = [
    ('layers in order: the last one wins', [layer(f('a', '1')), layer(f('a', '2', mode=0o600)), layer(f('b', '3'))],
     {'a': dict(data='2', mode=0o600), 'b': dict(data='3')}),
    ('within a layer, the last entry of a name wins', [layer(f('a', '1'), f('a', '2'))], {'a': dict(data='2')}),
    ('a whiteout hides a file, a link and a directory beneath',
     [base, layer(f('.wh.file'), f('.wh.link'), f('.wh.gone'), f('d/.wh.a'))],
     {'file': None, 'link': None, 'gone': None, 'gone/x': None, 'd/a': None, 'd/b': dict(data='low b')}),
    ('a whiteout of what is nowhere does nothing', [base, layer(f('.wh.nothing'), f('new/.wh.x'))], {'nothing': None, 'new/x': None, 'new': dict(type='d')}),
    ('an opaque directory hides all beneath, and not what its layer has',
     [base, layer(f('d/c', 'new'), f('d/.wh..wh..opq'), f('d/e', 'new'))],
     {'d/a': None, 'd/b': None, 'd/c': dict(data='new'), 'd/e': dict(data='new')}),
    ('an opaque root hides all beneath', [base, layer(f('.wh..wh..opq'), f('only', 'x'))],
     {'d': None, 'file': None, 'link': None, 'only': dict(data='x')}),
    ('a whiteout does not hide what its own layer has, in whichever order',
     [base, layer(f('file', 'mine'), f('.wh.file'), f('d/.wh.a'), f('d/a', 'mine'))], {'file': dict(data='mine'), 'd/a': dict(data='mine')}),
    ('what was whited out comes back as another type',
     [base, layer(f('.wh.file'), d('file'), f('file/x', 'x'), f('.wh.gone'), f('gone', 'now a file'), f('.wh.link'), d('link'))],
     {'file': dict(type='d'), 'file/x': dict(data='x'), 'gone': dict(data='now a file'), 'gone/x': None, 'link': dict(type='d'), 'link/a': None}),
    ('... and so without a whiteout',
     [base, layer(d('file'), f('file/x', 'x'), f('gone', 'now a file'), l('usr/lib', '..'), d('link'), f('link/z', 'z'))],
     {'file/x': dict(data='x'), 'gone': dict(data='now a file'), 'gone/x': None, 'usr/lib': dict(type='l', link='..'), 'link/z': dict(data='z'), 'link/a': None}),
    ('whiteouts in what is deleted or replaced mean nothing, whichever comes first',
     [base, layer(f('d', 'file'), f('d/.wh.a'), f('d/.wh..wh..opq'), f('gone/.wh.x'), f('gone', 'file'), f('usr/lib/.wh.x'), f('usr/.wh.lib'), f('.wh.usr'), f('usr/.wh.bin'),
                  l('link', '/OUTSIDE'), f('link/.wh.a'))],
     {'d': dict(data='file'), 'gone': dict(data='file'), 'usr': None, 'usr/lib': None, 'link': dict(type='l', link='/OUTSIDE')}),
    ('a directory that was deleted and made again is empty', [base, layer(f('.wh.d'), d('d')), layer(f('d/n', 'n'))],
     {'d/a': None, 'd/b': None, 'd/n': dict(data='n')}),
    ('a deleted file comes back from a later layer', [base, layer(f('.wh.file')), layer(f('file', 'again'))], {'file': dict(data='again')}),
    ('bookkeeping of aufs is left out', [layer(d('.wh..wh.plnk'), f('.wh..wh.aufs'), f('a', 'a'))], {'a': dict(data='a'), '.wh..wh.aufs': None, '.wh..wh.plnk': None}),
    ('a name through a link beneath lands where the link leads', [base, layer(f('lib/new.so', 'n'), f('link/c', 'c'))],
     {'usr/lib/new.so': dict(data='n'), 'd/c': dict(data='c'), 'lib': dict(type='l', link='usr/lib')}),
    ('hard links within a layer, to a file beneath, and through a link beneath',
     [base, layer(f('one', '1'), h('two', 'one'), h('three', 'h'))],
     {'two': dict(data='1'), 'three': dict(data='hard', mode=0o4755, mtime=7), 'h': dict(data='hard')}),
    ('a directory that is only implied is like the one beneath', [base, layer(f('d/c', 'c'))], {'d': dict(mode=0o755, mtime=5), 'd/c': dict(data='c')}),
    ("a directory has its entry's time, whatever came into it later, and so has the root",
     [layer(d('.', mtime=11, mode=0o711), d('t', mtime=12), d('t/u', mtime=13), f('t/u/v', 'v'), f('t/w', 'w'))],
     {'.': dict(mtime=11, mode=0o711), 't': dict(mtime=12), 't/u': dict(mtime=13)}),
    ('owners, set-id bits and the sticky bit are kept',
     [layer(f('s', 's', mode=0o6755, uid=12, gid=34), d('tmp', mode=0o1777), d('g', mode=0o2770, gid=50), l('sl', 's', uid=7, gid=8))],
     {'s': dict(mode=0o6755, uid=12, gid=34), 'tmp': dict(mode=0o1777), 'g': dict(mode=0o2770, gid=50), 'sl': dict(uid=7, gid=8)}),
    ("an owner that no job has becomes nobody's", [layer(f('big', uid=70000, gid=3), f('huge', records={'uid': '4294967294', 'gid': '1'}), f('top', uid=65535))],
     {'big': dict(uid=65534, gid=3), 'huge': dict(uid=65534, gid=1), 'top': dict(uid=65535)}),
    ('attributes and capabilities are kept, but none that overlayfs acts on',
     [layer(f('x', 'x', records={**xattr('user.a', 'b\0c'), **xattr('security.capability', CAPABILITY), **xattr('user.overlay.opaque', 'y'),
                                 **xattr('trusted.overlay.opaque', 'y'), **xattr('security.selinux', 'unlabeled')}), d('y', records=xattr('user.d', 'e')))],
     {'x': dict(xattrs={'user.a': b'b\0c', 'security.capability': CAPABILITY}), 'y': dict(xattrs={'user.d': b'e'})}),
    ('devices are left out, FIFOs are not', [layer(entry('null', b'3'), entry('sda', b'4'), entry('fifo', b'6'), f('a', 'a'))],
     {'null': None, 'sda': None, 'fifo': dict(type='p'), 'a': dict(data='a')}),
    ('a sparse file of old GNU stays sparse', [layer(gnu_sparse())], {'sparse': dict(size=4 << 20, end=b'tail', sparse=True)}),
    ('a sparse file of pax stays sparse', [layer(sparse('sparse', 4 << 20))], {'sparse': dict(size=4 << 20, end=b'tail', sparse=True)}),
    ('old, ustar, GNU and pax headers in one tar',
     [layer(f('v7', '7', form='v7'), entry('v7dir/', b'\0', form='v7', mode=0o750), f('name', 'u', prefix=b'pre/fix'), f(LONG, 'gnu', long='gnu'),
            l('gnulink', LONG, long='gnu'), f('short', 'pax', records={'path': 'pax/' + LONG, 'mtime': '1234567890.5', 'uid': '1', 'gid': '2'}),
            l('paxlink', 'x', records={'linkpath': LONG}))],
     {'v7': dict(data='7'), 'v7dir': dict(type='d', mode=0o750), 'pre/fix/name': dict(data='u'), LONG: dict(data='gnu'), 'gnulink': dict(link=LONG),
      'pax/' + LONG: dict(data='pax', mtime=1234567890.5, uid=1, gid=2), 'paxlink': dict(link=LONG)}),
    ('a global pax header is no entry', [layer(pax({'comment': 'made up'}, b'g'), f('a', 'a'))], {'a': dict(data='a')}),
    ('names that are not UTF-8, with newlines, quotes and spaces',
     [layer(f(b'\xff\xfe', '1'), f('new\nline', '2'), f(' "\'\\ ', '3'), f('p', '4', records={'hdrcharset': 'BINARY', 'path': b'bin\xe9'}), f('ü', '5'))],
     {b'\xff\xfe': dict(data='1'), 'new\nline': dict(data='2'), ' "\'\\ ': dict(data='3'), b'bin\xe9': dict(data='4'), 'ü': dict(data='5')}),
    ('leading slashes are taken off, of hard links as well, and / is the root',
     [layer(d('/', mode=0o711, mtime=11), f('//abs/x', 'x'), h('/abs/y', '/abs/x'), h('z', '///abs/x'), f('p', 'p', records={'path': '/by/pax'}))],
     {'.': dict(mode=0o711, mtime=11), 'abs/x': dict(data='x'), 'abs/y': dict(data='x'), 'z': dict(data='x'), 'by/pax': dict(data='p')}),
    ("names in an ACL are the root's own users and groups, of a layer beneath too; others are left out",
     [layer(f('etc/passwd', 'root:x:0:0::/:\nwww:x:33:33::/:\n'), f('etc/group', 'root:x:0:\nstaff:x:50:\n')),
      layer(f('a', 'a', mode=0o674, records={'SCHILY.acl.access': 'user::rw-,user:www:r--,user:nobody:rwx,group::r--,group:staff:r-x,user:7:r--,mask::rwx,other::r--'}),
            d('d', records={'SCHILY.acl.default': 'user::rwx,user:www:rwx,group::r-x,mask::rwx,other::---'}))],
     {'a': dict(acl='user::rw-,user:7:r--,user:33:r--,group::r--,group:50:r-x,mask::rwx,other::r--'), 'd': dict(default='user::rwx,user:33:rwx,group::r-x,mask::rwx,other::---')}),
    ('directories 950 deep', [layer(f('d/' * 950 + 'f', 'deep', long='gnu')), layer(f('d/' * 949 + 'g', 'g', long='gnu'))],
     {'d/' * 950 + 'f': dict(data='deep'), 'd/' * 949 + 'g': dict(data='g')}),
    ('20 GiB that are a hole', [layer(sparse('sparse', 20 << 30))], {'sparse': dict(size=20 << 30, sparse=True)}),
    ('leading ./ and doubled slashes mean nothing', [layer(d('./'), d('./a//'), f('./a//b', 'b'))], {'a/b': dict(data='b')}),
    ('a layer may be empty', [base, END, layer(f('z', 'z'))], {'z': dict(data='z'), 'file': dict(data='low')}),
    ('a time before 1970, and one after 2038', [layer(f('old', records={'mtime': '-5'}), f('new', mtime=5000000000))], {'old': dict(mtime=-5), 'new': dict(mtime=5000000000)}),
]

# ---- what is refused ----------------------------------------------------------------------------------------------------------


def of_layers(*layers, **more):
    return lambda place: Layout(place, layers, **more).place


def changed(change, layers=None):
    def build(place):
        layout = Layout(place, layers) if layers else simple(place)
        change(layout)
        return layout.place
    return build


def replace_blob(layout, make):
    path = layout.path(layout.layers[0]['digest'])
    os.unlink(path)
    make(path)


def nest(layout, n):
    at = layout.manifest
    for _ in range(n):
        at = layout.put(json.dumps({'manifests': [at]}))
    layout.index([at])


def circle(layout):
    """A digest of itself cannot be had; that of a document which is not what it says can."""
    zero = {'digest': 'sha256:' + '0' * 64, 'size': 0}
    text = json.dumps({'manifests': [zero]})
    save(layout.path('0' * 64), raw(text))
    layout.index([dict(zero, size=len(text))])


def huge_xz(place):
    """An LZMA2 dictionary of nearly 4 GiB, as its header asks for: the rest is a proper stream."""
    data = bytearray(lzma.compress(layer(f('a', 'a')), format=lzma.FORMAT_XZ))
    block = 12
    size = (data[block] + 1) * 4
    i = data.index(b'\x21\x01', block) + 2
    data[i] = 40
    data[block + size - 4:block + size] = struct.pack('<I', __import__('zlib').crc32(bytes(data[block:block + size - 4])))
    layout = Layout(place, [layer(f('a', 'a'))], compress=lambda _: bytes(data))
    return layout.place


def huge_zstd(place):
    """A frame header that asks for a window of 2 GiB; the content is one raw block."""
    tar = layer(f('a', 'a'))
    frame = struct.pack('<IBB', 0xFD2FB528, 0, 21 << 3) + struct.pack('<I', len(tar) << 3 | 1)[:3] + tar
    return Layout(place, [tar], compress=lambda _: frame).place


def bomb(place):
    """2 GiB of zeros in one file."""
    tar = header(b'zeros', b'0', 2 << 30)
    compressor = lzma.LZMACompressor()
    data = compressor.compress(tar) + b''.join(compressor.compress(b'\0' * (1 << 24)) for _ in range(128)) + compressor.flush()
    return Layout(place, [tar], compress=lambda _: data).place


def outer(make, name):
    def build(place):
        layout = simple(place)
        return make(layout, place + name)
    return build


def many_in_tar(layout, out):
    with tarfile.open(out, 'w', format=tarfile.USTAR_FORMAT) as t:
        t.add(layout.place, '.')
        for i in range(12000):
            t.addfile(tarfile.TarInfo('blobs/sha256/%064x' % i))
    return out


def docker(layout, out, **change):
    layer_name = '%064x/layer.tar' % 2
    manifest = [{'RepoTags': ['a:b'], 'Layers': [layer_name]}]
    config = json.dumps({'rootfs': {'diff_ids': layout.diffs}})
    config_name = sha(raw(config)) + '.json'
    manifest[0]['Config'] = config_name
    manifest[0].update(change)
    with tarfile.open(out, 'w', format=tarfile.USTAR_FORMAT) as t:
        for name, data in (('manifest.json', json.dumps(manifest)), (config_name, config), (layer_name, layer(d('dir'), f('dir/file', 'content')))):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(raw(data)))
    return out


ENTRY = [  # one layer, and what is said of its entry
    ('..', [f('../x', 'x')], r"entry '\.\./x' climbs out"),
    ('.. further in', [d('a'), f('a/../../x', 'x')], r"entry 'a/\.\./\.\./x' climbs out"),
    ('.. behind a leading slash', [f('/../x', 'x')], r"entry '/\.\./x' climbs out"),
    ('.. by pax', [f('x', 'x', records={'path': '/a/../../x'})], r"entry '/a/\.\./\.\./x' climbs out"),
    ('a link, and a file through it', [l('l', '/OUTSIDE'), f('l/x', 'x')], r"entry 'l/x' lies beneath a symbolic link"),
    ('a link, and a directory in its place', [l('l', '/OUTSIDE'), d('l', mode=0o777)], r"entry 'l' is a directory, but"),
    ('a hard link to outside', [h('h', '../../etc/passwd')], r"entry 'h' is a hard link to outside"),
    ('a hard link to a file of the host', [h('h', '/etc/passwd')], r"entry 'h' is a hard link to something that is not"),
    ('capabilities that are none', [f('x', 'x', records=xattr('security.capability', b'\1\2\3'))], r"entry 'x' has a security.capability that is none"),
    ('capabilities of the first revision', [f('x', 'x', records=xattr('security.capability', struct.pack('<III', 0x01000000, 1, 0)))], r"entry 'x' has a security.capability"),
    ('more attributes than a file can have', [f('x', 'x', records=xattr('user.a', 'v' * 70000))], r"entry 'x' has an extended attribute or an ACL that no file can have"),
    ('an ACL that the kernel does not take', [f('x', 'x', records={'SCHILY.acl.access': 'user::rw-,user:1:r--'})], r"entry 'x' has an extended attribute or an ACL that no file can have"),
    ('a hole of 8 TiB', [header(b'sparse', b'S', 4, form='gnu', tail=b'\0' * 41 + octal((8 << 40) - 4, 12) + octal(4, 12) + b'\0' * 73 + octal(8 << 40, 12)) + padded(b'tail')], r'more than 64 GiB'),
    ('three holes of 30 GiB', [sparse('one', 30 << 30), sparse('two', 30 << 30), sparse('three', 30 << 30)], r'more than 64 GiB'),
    ('a hard link through a link', [l('l', '/etc'), h('h', 'l/passwd')], r"entry 'h' is a hard link to something beneath a symbolic link"),
    ('a hard link to nothing', [h('h', 'nothing')], r"entry 'h' is a hard link to something that is not"),
    ('a hard link to a directory', [d('d'), h('h', 'd')], r"entry 'h' is a hard link to a directory"),
    ('a root that is a file', [f('.', 'x')], r"would replace the root"),
    ('a root that is a link', [l('./', '/OUTSIDE')], r"would replace the root"),
    ('a file beneath a file', [f('f', 'x'), f('f/x', 'x')], r"entry 'f/x' lies beneath something that is no directory"),
    ('the whiteout of nothing', [f('.wh.')], r"entry '\.wh\.' is the whiteout of nothing"),
    ('the whiteout of ..', [f('.wh...')], r"entry '\.wh\.\.\.' is the whiteout of nothing"),
    ('the whiteout of .. by a hard link', [f('a', 'a'), h('d/.wh...', 'a')], r"is the whiteout of nothing"),
    ('a name of 300 bytes between slashes', [f('a' * 300, 'x', long='gnu')], r"has a name longer than 255 bytes"),
    ('a name of 5000 bytes', [f('abcd/' * 1000, 'x', long='gnu')], r"has a name longer than 4095 bytes"),
    ('a terminal in a name', [f('\033[31m/../../x', 'x')], r"entry '\?\[31m/\.\./\.\./x' climbs out"),
    ('a damaged header', [header(b'a')[:148] + b'000000\0 ' + header(b'a')[156:]], r"cannot unpack"),
    ('a file that is larger than its tar', [header(b'a', size=1 << 40)], r"cannot unpack|more than 64 GiB"),
    ('a file of negative size', [header(b'a', size=-5)], r"cannot unpack"),
    ('a pax header that does not end', [header(b'p', b'x', 1 << 40)], r"cannot unpack"),
]

HOSTILE = [('a layer with ' + name, of_layers(layer(*entries)), r'layer 1 of 1.*' + wrong if not wrong.startswith('cannot') else wrong) for name, entries, wrong in ENTRY]
HOSTILE += [('a tar with ' + name, lambda place, e=entries: save(place + '.tar', layer(*e)), wrong) for name, entries, wrong in ENTRY
            if '.wh' not in wrong and 'whiteout' not in wrong]
HOSTILE += [
    ('a link beneath that leads out, and a loop of them', of_layers(layer(l('a', 'b'), l('b', 'a')), layer(f('a/x', 'x'))), "entry 'a/x' leads through too many"),
    ('a file in place of a directory beneath', of_layers(layer(f('f', 'x')), layer(h('h', 'f/x'))), "entry 'h' is a hard link"),
    ('a hard link to a device-like whiteout', of_layers(layer(f('f', 'x')), layer(f('.wh.f'), h('h', 'f'))), "entry 'h'"),
    ('a layer whose digest is wrong', changed(lambda x: save(x.path(x.layers[0]['digest']), open(x.path(x.layers[0]['digest']), 'rb').read().replace(b'content', b'CONTENT'))), r'layer 1 of 1.*digest'),
    ('a layer whose size is wrong', changed(lambda x: save(x.path(x.layers[0]['digest']), b'short')), r'layer 1 has 5 bytes, and its descriptor says'),
    ("another layer's diffID", changed(lambda x: (x.diffs.__setitem__(0, 'sha256:' + '1' * 64), x.seal())), r'the digest of the tar in the layer is sha256:'),
    ('a blob that is a link to outside', changed(lambda x: replace_blob(x, lambda p: os.symlink('/etc/passwd', p))), r'layer 1, blobs/sha256/[0-9a-f]{64}'),
    ('a blob that is a FIFO', changed(lambda x: replace_blob(x, os.mkfifo)), r'layer 1, blobs/sha256/[0-9a-f]{64}: No such'),
    ('a blob that is a device', changed(lambda x: replace_blob(x, lambda p: os.mknod(p, stat.S_IFCHR | 0o666, os.makedev(1, 5)))), r'layer 1, blobs/sha256/[0-9a-f]{64}: No such'),
    ('a blob that is a directory', changed(lambda x: replace_blob(x, os.mkdir)), r'layer 1, blobs/sha256/[0-9a-f]{64}: No such'),
    ('an index that is a FIFO', changed(lambda x: (os.unlink(x.place + '/index.json'), os.mkfifo(x.place + '/index.json'), x.write('manifest.json', '[{"Layers": ["x"]}]'))), r'names no Config'),
    ('indexes ten deep', changed(lambda x: nest(x, 10)), r'nested more than 4 deep'),
    ('an index that points to itself', changed(circle), r'0{64} has the digest sha256:'),
    ('an index of 60000 images', changed(lambda x: x.index([dict(x.manifest, digest='sha256:%064x' % i) for i in range(60000)])), r'holds several images'),
    ('an index of 16 MiB', changed(lambda x: x.index([x.manifest] * 150000)), r'cannot (read|use).*(index.json|too large|too big|Too)'),
    ('an index a million deep', changed(lambda x: x.write('index.json', '{"manifests": ' + '[' * 1000000)), r'index.json is no JSON'),
    ('an index of four million empty objects', changed(lambda x: x.write('index.json', '{"manifests": [' + '{},' * 2500000 + '{}]}')), r'no image for|several images|ran out of the|no JSON'),
    ('an index that says a key twice', changed(lambda x: x.write('index.json', '{"manifests": [], "manifests": []}')), r'index.json is no JSON.*duplicate'),
    ('a digest that is a path', changed(lambda x: x.index([{'digest': 'sha256:../../../../etc/passwd', 'size': 5}])), r'only sha256 is known'),
    ('a terminal in a tag', changed(lambda x: x.index([dict(x.manifest, digest='sha256:' + c * 64, annotations={'org.opencontainers.image.ref.name': '\033[31m' + c}) for c in 'ab'])), r'several images.*\?\[31ma, \?\[31mb'),
    ('501 layers', lambda place: Layout(place, [layer(f('a%d' % i)) for i in range(501)]).place, r'more than 500'),
    ('an xz dictionary of 4 GiB', huge_xz, r'cannot unpack'),
    ('a zstd window of 2 GiB', huge_zstd, r'cannot unpack'),
    ('a bzip2 stream that is none', of_layers(layer(f('a')), compress=lambda x: b'BZh9' + b'\xff' * 100), r'cannot unpack|layer 1 of 1'),
    ('an archive with 12000 blobs', outer(many_in_tar, '.tar'), r'holds more files than any image'),
    ('an archive whose blobs climb out', outer(lambda x, out: (tar_of(x.place, out), save(out, f('../x', 'x') + open(out, 'rb').read()))[0], '.tar'), r"climbs out|leads out"),
    ('a docker archive whose layer is not in it', outer(lambda x, out: docker(x, out, Layers=['nothing']), '.tar'), r'layer 1, nothing: No such'),
    ('a docker archive whose layer is in /etc', outer(lambda x, out: docker(x, out, Layers=['/etc/passwd']), '.tar'), r'layer 1, /etc/passwd: No such'),
    ('a docker archive with a newline for a layer', outer(lambda x, out: docker(x, out, Layers=['a\nb']), '.tar'), r'layer 1 of its manifest.json has no name'),
    ('a docker archive without layers', outer(lambda x, out: docker(x, out, Layers=[]), '.tar'), r'1 diff_ids for 0 layers'),
    ('a docker archive with its manifest for a layer', outer(lambda x, out: docker(x, out, Layers=['manifest.json']), '.tar'), r'the digest of the tar in the layer is|cannot unpack'),
    ('a gzip stream that holds no tar', lambda place: save(place + '.gz', gzip.compress(b'x' * 10000)), r'cannot (read|unpack)'),
]
SLOW = [('2 GiB of zeros in a few hundred KiB', bomb, r'holds more than 1 GiB, 500 times its own size')]

# ---- running them -----------------------------------------------------------------------------------------------------------


class Bad(Exception):
    pass


def cupel(*arguments):
    r = subprocess.run([CUPEL, 'rootfs', *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    r.err = r.stderr.decode(errors='replace')
    if re.search('Sanitizer|runtime error', r.err):
        raise Bad('a sanitizer complains: ' + r.err[:1500])
    return r


def key(name):
    return raw(name).decode('utf-8', 'surrogateescape')


def attributes(member):
    return {k[len('SCHILY.xattr.'):]: v.encode('utf-8', 'surrogateescape') for k, v in member.pax_headers.items() if k.startswith('SCHILY.xattr.')}


def layer_file(name, path):
    for k in json.loads(cupel('show', name).stdout)['layers']:
        k = k['key'] if isinstance(k, dict) else k
        at = '%s/layers/%s/fs/%s' % (STORE, k, path)
        if os.path.lexists(at):
            return os.lstat(at)
    raise Bad(path + ' is in no layer')


def compare(path, got, want, archive, name):
    kinds = {'f': got.isreg() or got.islnk(), 'd': got.isdir(), 'l': got.issym(), 'p': got.isfifo()}
    for what, value in want.items():
        if what == 'type':
            seen = value if kinds[value] else got.type
        elif what == 'data':
            value, seen = raw(value), archive.extractfile(got).read() if kinds['f'] else got.type
        elif what == 'end':
            seen = archive.extractfile(got).read()[-len(value):]
        elif what == 'link':
            seen = got.linkname
        elif what == 'xattrs':
            seen = attributes(got)
        elif what == 'acl':
            seen = got.pax_headers.get('SCHILY.acl.access')
        elif what == 'default':
            seen = got.pax_headers.get('SCHILY.acl.default')
        elif what == 'sparse':
            seen = layer_file(name, path).st_blocks * 512 < 1 << 20
        elif what == 'size':
            seen = layer_file(name, path).st_size
        else:
            seen = getattr(got, what)
        if seen != value:
            raise Bad('%s: %s is %r, not %r' % (path, what, seen, value))


def compare_root(name, expected):
    r = cupel('export', name, '-o', name + '.tar')
    if r.returncode != 0:
        raise Bad('export: ' + r.err)
    with tarfile.open(name + '.tar') as archive:
        members = {m.name[2:] if m.name.startswith('./') else m.name: m for m in archive.getmembers()}
        for path, want in expected.items():
            path = key(path)
            if want is None:
                if path in members:
                    raise Bad('%s is there' % path)
            elif path not in members:
                raise Bad('%s is not there, but %s' % (path, sorted(members)[:20]))
            else:
                compare(path, members[path], want, archive, name)


def check_rule(number, layers, expected):
    name = 'rule%d' % number
    compress = [lambda x: x, gzip.compress, bz2.compress, lambda x: lzma.compress(x)][number % 4]
    r = cupel('import', name, Layout(name, layers, compress).place)
    if r.returncode != 0:
        raise Bad('exit code %d: %s' % (r.returncode, r.err))
    compare_root(name, expected)
    cupel('remove', name)


def contents(place):
    return sorted(os.listdir(STORE + '/' + place)) if os.path.isdir(STORE + '/' + place) else []


def check_refusal(number, build, wrong, *options):
    place = 'hostile%s' % number
    source = build(place)
    names = contents('names')
    r = cupel('import', 'hostile', source, *options)
    if r.returncode != 2:
        raise Bad('exit code %d: %s' % (r.returncode, r.err))
    if not re.search(wrong, r.err):
        raise Bad('not said: %s, but: %s' % (wrong, r.err))
    if re.search(r'[\x00-\x09\x0b-\x1f\x7f]', r.err) or r.err.count('cupel: error') != 1:
        raise Bad('not one clean error: %r' % r.err)
    if contents('tmp') or contents('names') != names:
        raise Bad('left in the store: %s %s' % (contents('tmp'), contents('names')))
    if os.listdir('OUTSIDE') or os.path.exists('/etc/x'):
        raise Bad('something was written outside')
    shutil.rmtree(place, ignore_errors=True)
    for leftover in glob.glob(place + '.*'):
        os.unlink(leftover)


def check_changing():
    """Somebody rewrites a layer's blob while it is imported: it is refused, or it is what its digest says."""
    content = ''.join(str(i) for i in range(300000))
    whole = layer(f('big', content))
    taken = 0
    for turn in range(12):
        place = 'changing%d' % turn
        tar = whole[:-1024] + f('turn', str(turn)) + END  # another digest each time, or the store would have it
        layout = Layout(place, [tar])
        blob = layout.path(layout.layers[0]['digest'])
        code = """
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY)
while True:
    os.pwrite(fd, b'X', 100000)
    os.pwrite(fd, bytes([int(sys.argv[2])]), 100000)
    os.ftruncate(fd, 500000)
    os.ftruncate(fd, int(sys.argv[3]))
""" if turn else 'pass'
        other = subprocess.Popen([sys.executable, '-c', code, blob, str(tar[100000]), str(len(tar))])
        try:
            r = cupel('import', 'changing', place)
        finally:
            other.kill()
            other.wait()
        if r.returncode == 0:
            taken += 1
            cupel('export', 'changing', '-o', 'changing.tar')
            with tarfile.open('changing.tar') as archive:
                if archive.extractfile('big').read() != raw(content):
                    raise Bad('what was taken is not what the digest says')
        elif r.returncode != 2 or not re.search('layer 1', r.err):
            raise Bad('exit code %d: %s' % (r.returncode, r.err))
        if contents('tmp'):
            raise Bad('left in the store: %s' % contents('tmp'))
    if not taken:
        raise Bad('not even the one that nobody changed was taken')
    cupel('remove', 'changing')


def report(name, check, *arguments):
    try:
        check(*arguments)
        said = 'PASS ' + name
    except Bad as why:
        said = 'FAIL %s: %s' % (name, str(why).replace('\n', ' | '))
    os.write(1, raw(said + '\n'))  # whole, whoever else writes


def main():
    os.makedirs('OUTSIDE', exist_ok=True)
    sanitized = b'__asan_init' in open(CUPEL, 'rb').read()
    for number, (name, layers, expected) in enumerate(RULES):
        report(name, check_rule, number, layers, expected)
    for number, (name, build, wrong) in enumerate(HOSTILE + (SLOW if '--slow' in sys.argv else [])):
        if sanitized and build in (huge_xz, huge_zstd):
            print('SKIP refused: %s' % name)
            continue
        report('refused: ' + name, check_refusal, number, build, wrong.replace('/OUTSIDE', os.getcwd() + '/OUTSIDE'))
    report('a blob that changes while it is read', check_changing)
    r = cupel('verify')
    report('the store is whole after all of that', lambda: None if r.returncode == 0 else (_ for _ in ()).throw(Bad(r.stdout.decode() + r.err)))


if __name__ == '__main__':
    main()
