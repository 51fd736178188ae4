#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images and files as people's builders write them, for tests/e2e/builders.sh: what must be taken, with what comes of it and what is said (TAKEN), and
what must be refused, with what it is and which command makes it usable (REFUSED). Cases are lines, as in images.py, which has the tools."""
import zlib

import images
from images import *

ONE = layer(d('etc'), f('etc/one', '1'))
TWO = layer(f('two', '2'))


def config_of(layers, **more):
    return {'os': 'linux', 'architecture': ARCH, 'config': {}, 'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + sha(x) for x in layers]}, **more}


def archive(path, *members):
    """A tar of files, in this order: what is in an archive of an image."""
    return save(path, layer(*(f(name, data) for name, data in members)))


def text(x):
    return json.dumps(x)


# ---- docker archives, as others than Docker write them ---------------------------------------------------------------------


def ggcr(place):
    """go-containerregistry (crane, kaniko): blobs first, named by their digests; the manifest comes last."""
    blobs = [gzip.compress(x, mtime=0) for x in (ONE, TWO)]
    config = text(config_of([ONE, TWO]))
    name, names = 'sha256:' + sha(raw(config)), [sha(b) + '.tar.gz' for b in blobs]
    return archive(place + '.tar', (name, config), *zip(names, blobs), ('manifest.json', text([{'Config': name, 'RepoTags': ['ex:1'], 'Layers': names}])))


def jib(place):
    """jib: keys in lower case, and a config.json."""
    blobs = [gzip.compress(x, mtime=0) for x in (ONE, TWO)]
    names = [sha(b) + '.tar.gz' for b in blobs]
    return archive(place + '.tar', ('config.json', text(config_of([ONE, TWO]))), *zip(names, blobs),
                   ('manifest.json', text([{'config': 'config.json', 'repoTags': ['ex:1'], 'layers': names}])))


def docker_of(*images, beside=()):
    """A docker archive of several images: (tags, layers)."""
    def build(place):
        members, manifest = [], []
        for tags, layers in images:
            config = text(config_of(layers))
            manifest.append({'Config': sha(raw(config)) + '.json', 'RepoTags': tags, 'Layers': [sha(x) + '.tar' for x in layers]})
            members += [(manifest[-1]['Config'], config)] + [(sha(x) + '.tar', x) for x in layers]
        return archive(place + '.tar', *beside, *members, ('manifest.json', text(manifest)))
    return build


def flat(multi=False, damage=lambda place: None, tar=False):
    """skopeo's `dir:`, buildah's and podman's; podman's `docker-dir` too: blobs beside a manifest.json that is the manifest itself, or an index."""
    def build(place):
        os.makedirs(place)
        put = lambda data, name=None: (save(place + '/' + (name or sha(raw(data))), raw(data)), {'digest': 'sha256:' + sha(raw(data)), 'size': len(raw(data))})[1]
        put('Directory Transport Version: 1.1\n', 'version')
        make = lambda layers: text({'schemaVersion': 2, 'config': put(text(config_of(layers))), 'layers': [put(gzip.compress(x, mtime=0)) for x in layers]})
        whole = make([ONE, TWO])
        if multi:
            entries = []
            for layers, platform in (([TWO], {'os': 'linux', 'architecture': 'mips64le'}), ([ONE, TWO], HERE)):
                data = make(layers)
                entries.append(dict(put(data, sha(raw(data)) + '.manifest.json'), platform=platform))
            whole = text({'schemaVersion': 2, 'manifests': entries})
        put(whole, 'manifest.json')
        damage(place)
        return tar_of(place, place + '.tar') if tar else place
    return build


def first_layer(change):
    def damage(place):
        path = place + '/' + sha(gzip.compress(ONE, mtime=0))
        change(path)
    return damage


def old_save(directory):
    """What Docker before 1.10 saved: no manifest.json."""
    def build(place):
        image = '1' * 64
        archive(place + '.tar', (image + '/VERSION', '1.0'), (image + '/json', text({'id': image})), (image + '/layer.tar', ONE), ('repositories', text({'ex': {'latest': image}})))
        if not directory:
            return place + '.tar'
        with tarfile.open(place + '.tar') as t:
            t.extractall(place)
        return place
    return build


def packed_by(*command):
    return lambda data: subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


# ---- OCI layouts -------------------------------------------------------------------------------------------------------------


def oci(change=lambda x: None, layers=(ONE, TWO), **config):
    """A layout in an archive; `change` may do what it likes to it before."""
    def build(place):
        layout = Layout(place, list(layers))
        if config:
            manifest(layout, config_of(layers, **config))
        change(layout)
        tar_of(place, place + '.tar')
        return place + '.tar'
    return build


def manifest(layout, config, **more):
    """Another image in the layout, of the same layers; the index has it alone."""
    config = layout.put(config if isinstance(config, bytes) else text(config))
    layout.manifest = layout.put(text({'schemaVersion': 2, 'config': dict(config, mediaType='application/vnd.oci.image.config.v1+json'), 'layers': layout.layers, **more}))
    layout.index([layout.manifest])
    return layout.manifest


def artifact(layout, config_type='application/vnd.oci.empty.v1+json', layer_type='application/spdx+json', **more):
    return layout.put(text({'schemaVersion': 2, 'config': dict(layout.put('{}'), mediaType=config_type), 'layers': [dict(layout.put('[]'), mediaType=layer_type)], **more}))


def beside(descriptor={}, **how):
    def change(layout):
        layout.index([dict(artifact(layout, **how), **descriptor), layout.manifest])
    return change


def alone(**how):
    return lambda layout: layout.index([artifact(layout, **how)])


def platforms(*which, nested=False, names=None):
    """One image for each platform; the first has another layer than the last."""
    def change(layout):
        first = layout.manifest
        layout.diffs, layout.layers = layout.diffs[:1], layout.layers[:1]
        layout.seal()
        last, entries = layout.manifest, []
        for i, platform in enumerate(which):
            entries.append(dict(first if i < len(which) - 1 else last, platform=platform))
            if names:
                entries[-1]['annotations'] = {'org.opencontainers.image.ref.name': names[i]}
        layout.index([layout.put(text({'schemaVersion': 2, 'manifests': entries}))] if nested else entries)
    return change


HERE = {'os': 'linux', 'architecture': ARCH}
BOTH = {'etc/one': dict(data='1'), 'two': dict(data='2')}


def two_tags(layout):
    layout.index([dict(layout.manifest, annotations={'org.opencontainers.image.ref.name': t, 'io.containerd.image.name': 'docker.io/library/ex:' + t}) for t in ('1', 'latest')])


def by_id(layout):
    config = json.load(open(layout.path(layout.manifest['digest'])))['config']['digest'][7:]
    layout.write('index.json', '{"schemaVersion": 2, "manifests": null}')
    layout.write('manifest.json', text([{'Config': 'blobs/sha256/' + config, 'RepoTags': None, 'Layers': ['blobs/sha256/' + x['digest'][7:] for x in layout.layers]}]))


def lenient(old, new):
    """The configuration as bytes that json.dumps would not write."""
    def change(layout):
        config = raw(text(config_of([ONE, TWO], history=[{'created_by': 'OLD'}], config={'Labels': {'a': 'OLD'}})))
        manifest(layout, config.replace(old, new))
    return change


def index_of(data):
    return lambda layout: layout.write('index.json', data)


def absent(layout):
    os.unlink(layout.path(layout.layers[0]['digest']))
    layout.layers[0].update(mediaType='application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', urls=['https://example/x'])
    layout.seal()


def typed_as(config):
    """An image all the same: it may have a type of its own, which nobody has to know."""
    def change(layout):
        m = json.load(open(layout.path(layout.manifest['digest'])))
        m['config']['mediaType'] = config
        layout.manifest = layout.put(text(dict(m, artifactType='application/vnd.example')))
        layout.index([layout.manifest])
    return change


def no_layers(null):
    def build(place):
        layout = Layout(place, [])
        config = layout.put(text(config_of([])))
        layout.index([layout.put(text({'schemaVersion': 2, 'config': config, 'layers': None if null else []}))])
        return place
    return build


def encrypted(layout):
    layout.layers = [dict(x, mediaType='application/vnd.oci.image.layer.v1.tar+zstd+encrypted') for x in layout.layers]
    layout.seal()


def with_files(*members):
    def change(layout):
        for name, data in members:
            os.makedirs(os.path.dirname(layout.place + '/' + name), exist_ok=True)
            layout.write(name, data)
    return change


def plain(*entries, end=END, name='.tar', pack=lambda x: x):
    return lambda place: save(place + name, pack(b''.join(entries) + end))


def of_gzip(change, level=9):
    """A gzip file to which something was done; level 0 stores, so that whichever byte is changed, all of it still decompresses."""
    return lambda content: change(gzip.compress(content, level))


def flipped(at):
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at:][1:]  # at may count from the end


def members(content):
    """Three, the second of which is empty: what pigz, bgzip and `cat` write."""
    return gzip.compress(content[:700]) + gzip.compress(b'') + gzip.compress(content[700:])


def with_pieces(content):
    """All that a header can have: extra field, name, comment and a checksum of its own."""
    head = b'\x1f\x8b\x08\x1e' + bytes(6) + b'\4\0abcd' + b'name\0' + b'comment\0'
    return head + struct.pack('<H', zlib.crc32(head) & 0xffff) + gzip.compress(content)[10:]


def whole(pack, layers=(ONE, TWO), make=lambda layout, out: tar_of(layout.place, out)):
    """An image's archive, compressed as one."""
    def build(place):
        out = make(Layout(place, layers), place + '.tar')
        return save(out + '.gz', pack(open(out, 'rb').read()))
    return build


ROOT = (d('etc'), f('etc/f', 'first'), d('usr'), d('usr/bin'))
FIRST = {'etc/f': dict(data='first')}
TOP = (d('root.x86_64'), d('root.x86_64/etc'), f('root.x86_64/etc/name', 'n'), h('root.x86_64/etc/same', 'root.x86_64/etc/name'), f('pkglist.txt', 'p'))

TAKEN = [  # name, how it is made, what the root is then, what is said (None: nothing), options
    ("go-containerregistry's docker archive: sha256: names, its manifest last", ggcr, BOTH, None),
    ("jib's docker archive: keys in lower case", jib, BOTH, None),
    ('a docker archive with other files beside', docker_of((['ex:1'], [ONE]), beside=(('README.md', 'x'), ('docs/deep/er', 'y'), ('repositories', '{}'))), {'etc/one': dict(data='1')}, None),
    ('an OCI archive with other files beside', oci(with_files(('README.md', 'x'), ('ingest/x', ''), ('a/b/c/d', 'e'))), BOTH, None),
    ("a root with a web page's manifest.json and index.json", plain(f('manifest.json', '{"name": "app", "icons": []}'), f('index.json', '[1]'), *ROOT), {**FIRST, 'manifest.json': dict(type='f')}, None),
    ("a root with a manifest.json that only looks like an image's", plain(f('manifest.json', '{"schemaVersion": 2, "config": {"a": 1}}'), *ROOT), FIRST, None),
    ('a root whose manifest.json comes last', plain(*ROOT, f('manifest.json', '[]')), FIRST, None),
    ('Docker 25, by id: an index with null beside a good manifest.json', oci(by_id), BOTH, None),
    ('Docker 25, by id and chosen by it', oci(by_id), BOTH, None, '--tag', 'CONFIG'),
    ('Docker 25: one image with two tags', oci(two_tags), BOTH, None),
    ('... and asked for by its whole name', oci(two_tags), BOTH, None, '--tag', 'ex:latest'),
    ('one image with two tags in a docker archive', docker_of((['ex:1'], [ONE]), (['ex:2'], [ONE])), {'etc/one': dict(data='1')}, None),
    ('one of two images in a docker archive, by name', docker_of((['ex/a:1'], [ONE]), (['ex/b:1'], [TWO])), {'two': dict(data='2'), 'etc/one': None}, None, '--tag', 'ex/b:1'),
    ('a platform that is null', oci(lambda x: x.index([dict(x.manifest, platform=None)])), BOTH, None),
    ('a platform that says nothing', oci(lambda x: x.index([dict(x.manifest, platform={'os': '', 'architecture': ''})])), BOTH, None),
    ('two that fit, of one index: the first', oci(platforms(HERE, dict(HERE, variant='v1'), nested=True)), BOTH, None),
    ('two that fit, without names, of index.json itself: the first', oci(platforms(HERE, HERE)), BOTH, None),
    ('two that fit, of one name: the first', oci(platforms(HERE, HERE, names=['1', '1'])), BOTH, None),
    ('one for another machine comes first', oci(platforms({'os': 'linux', 'architecture': 'mips64le'}, HERE, nested=True)), {'etc/one': dict(data='1'), 'two': None}, None),
    ('an artifact beside, which its descriptor says', oci(beside(artifactType='application/spdx+json', descriptor={'artifactType': 'application/spdx+json'})), BOTH, None),
    ('an artifact beside, which only its manifest says', oci(beside(artifactType='application/spdx+json')), BOTH, None),
    ('an artifact beside, by the type of its configuration', oci(beside(config_type='application/vnd.cncf.helm.config.v1+json')), BOTH, None),
    ("cosign's signature beside, by the type of its layer", oci(beside(config_type='application/vnd.oci.image.config.v1+json', layer_type='application/vnd.dev.cosign.simplesigning.v1+json')), BOTH, None),
    ("BuildKit's attestation beside", oci(beside(descriptor={'platform': {'os': 'unknown', 'architecture': 'unknown'}, 'annotations': {'vnd.docker.reference.type': 'attestation-manifest'}})), BOTH, None),
    ('a configuration with an empty system and architecture', oci(os='', architecture=''), BOTH, r'does not say for which system and architecture it is: taken as linux/' + ARCH),
    ('a variable without a value', oci(config={'Env': ['A=1', 'B', 'C=3']}), BOTH, r'entry 2 of Env .* left out'),
    ('a NUL in the history', oci(lenient(b'OLD', b'a\\u0000b')), BOTH, r'not quite JSON'),
    ('a label that is not UTF-8', oci(lenient(b'OLD', b'caf\xe9')), BOTH, r'not quite JSON'),
    ('half a surrogate pair in the history', oci(lenient(b'OLD', b'\\ud83d!')), BOTH, r'not quite JSON'),
    ('a number in the history that nothing can hold', oci(lenient(b'"OLD"', b'123456789012345678901234567890')), BOTH, r'not quite JSON'),
    ('... and one with an exponent, beside a text that looks like one', oci(lenient(b'"OLD"', b'"1e999", "b": -1e999')), BOTH, r'not quite JSON'),
    ('a system and an architecture in other words', oci(os='Linux', architecture=os.uname().machine), BOTH, None),
    ('an image with a type of its own', oci(typed_as('application/vnd.oci.image.config.v1+json')), BOTH, None),
    ('an index that lists nothing beside the image', oci(lambda x: x.index([None, x.manifest])), BOTH, None),
    ("a flat layout (skopeo's dir:)", flat(), BOTH, None),
    ('a flat layout in an archive', flat(tar=True), BOTH, None),
    ('a flat layout of several platforms', flat(multi=True), BOTH, None),
    ('a flat layout chosen by its digest', flat(), BOTH, None, '--tag', 'MANIFEST'),
    ('a docker archive with a header of the seventh edition', lambda place: save(place + '.tar', header(b'README', form='v7') + open(ggcr(place), 'rb').read()), BOTH, None),
    ('a layout compressed by lzma', whole(lambda x: lzma.compress(x, format=lzma.FORMAT_ALONE)), BOTH, None),
    ('hard links to devices, which are left out as well', plain(*ROOT, entry('null', b'3'), h('zero', './null'), h('/three', '/zero'), f('null2', 'x'), h('four', 'null2')),
     {**FIRST, 'null': None, 'zero': None, 'three': None, 'four': dict(data='x')}, None),
    ('... but not to what came in their place', plain(*ROOT, entry('null', b'3'), f('null', 'now'), h('zero', 'null')), {'null': dict(data='now'), 'zero': dict(data='now')}, None),
    ('a layer with a hard link to a device', oci(layers=[ONE, layer(entry('null', b'3'), h('zero', 'null'))]), {'etc/one': dict(data='1'), 'zero': None}, None),
    ('a command that is one text', oci(config={'Entrypoint': '/bin/x y', 'Cmd': ''}), {**BOTH, 'CONFIG': {'Env': [], 'Entrypoint': ['/bin/x y']}}, None),
    ('no layers', no_layers(False), {'.': dict(type='d')}, None),
    ('no layers, which Go writes as null', no_layers(True), {'.': dict(type='d')}, None),
    ('a layer of no bytes', oci(layers=[ONE, b'']), {'etc/one': dict(data='1')}, None),
    ('a compressed layer of no bytes', lambda place: Layout(place, [ONE, b''], gzip.compress).place, {'etc/one': dict(data='1')}, None),
    ('a tar with another one behind its end', plain(*ROOT, END, f('etc/f', 'second')), FIRST, None),
    ('a tar with garbage behind its end', plain(*ROOT, END, b'garbage' * 100, end=b''), FIRST, None),
    ('a compressed tar with garbage behind its end', plain(*ROOT, END, b'garbage' * 100000, end=b'', name='.tar.gz', pack=gzip.compress), FIRST, None),
    ('gzip members, one after the other', plain(*ROOT, name='.tar.gz', pack=members), FIRST, None),
    ('... with garbage behind the last', plain(*ROOT, name='.tar.gz', pack=lambda x: members(x) + b'garbage' * 100000), FIRST, None),
    ('... with zeros behind the last', plain(*ROOT, name='.tar.gz', pack=lambda x: members(x) + bytes(1000)), FIRST, None),
    ("... with what only begins as gzip's header does", plain(*ROOT, name='.tar.gz', pack=lambda x: members(x) + b'\x1f\x8b'), FIRST, None),
    ('... with a member of no method behind the last', plain(*ROOT, name='.tar.gz', pack=lambda x: members(x) + b'\x1f\x8b\x09\0' + bytes(100)), FIRST, None),
    ('a gzip header with all that it can have', plain(*ROOT, name='.tar.gz', pack=with_pieces), FIRST, None),
    ('gzip in gzip', plain(*ROOT, name='.tar.gz', pack=lambda x: gzip.compress(gzip.compress(x))), FIRST, None),
    ('gzip in xz', plain(*ROOT, name='.tar.xz', pack=lambda x: lzma.compress(gzip.compress(x))), FIRST, None),
    ('an archive of a layout, compressed in members', whole(members), BOTH, None),
    ('layers in gzip members, with garbage behind', lambda place: Layout(place, [ONE, TWO], lambda x: members(x) + b'garbage').place, BOTH, None),
    ('a tar with a directory above all', plain(*TOP), {'root.x86_64/etc/name': dict(data='n')}, r"all of the root lies below 'root.x86_64/'; --strip 1"),
    ('... which --strip takes off, of hard links too', plain(*TOP), {'etc/name': dict(data='n'), 'etc/same': dict(data='n'), 'pkglist.txt': None, 'root.x86_64': None}, None, '--strip', '1'),
    ('a tar whose one directory is no root', plain(d('data'), f('data/x', 'x')), {'data/x': dict(data='x')}, None),
    ('an ACL that names nobody of the root', plain(*ROOT, f('a', 'a', mode=0o664, records={'SCHILY.acl.access': 'user::rw-,user:daemon:r--,group::r--,mask::rw-,other::r--'})),
     {'a': dict(acl='user::rw-,group::r--,mask::rw-,other::r--')}, r'1 entry of an ACL is left out'),
]

HTML = '<!DOCTYPE html>\n<html><body>404 Not Found</body></html>'
DISK = bytes(446) + b'\x80\0\0\0\x83' + bytes(59) + b'\x55\xaa' + bytes(4096)
FILES = [  # what a file begins with, what that is called, and of the hint
    ('an empty file', b'', 'an empty file', 'make or fetch it again'),
    ('a page of HTML', HTML, 'an HTML page', 'curl -fL'),
    ('a compressed page of HTML', gzip.compress(raw(HTML)), 'what is compressed in it is an HTML page', 'curl -fL'),
    ('squashfs', b'hsqs' + bytes(4096), 'a squashfs image', 'unsquashfs -d root'),
    ('SIF', b'#!/usr/bin/env run-singularity\n\0SIF_MAGIC\0' + bytes(4096), r'an Apptainer \(Singularity\) image', 'apptainer build --sandbox'),
    ('7z', b'7z\xbc\xaf\x27\x1c\0\4' + bytes(4096), 'a 7z archive', '7z x'),
    ('zip', b'PK\3\4' + bytes(4096), 'a zip archive', 'bsdtar -cf root.tar'),
    ('qcow2', b'QFI\xfb\0\0\0\3' + bytes(4096), 'a qcow2 disk image', 'virt-tar-out'),
    ('a disk', DISK, 'a disk image', 'virt-tar-out'),
    ('a GPT disk', bytes(512) + b'EFI PART' + bytes(4096), 'a disk image', 'virt-tar-out'),
    ('an ISO image', bytes(32769) + b'CD001' + bytes(4096), 'an ISO image', 'bsdtar'),
    ('ext4', bytes(1080) + b'\x53\xef' + bytes(4096), 'an ext4 file system', 'mount -o loop,ro'),
    ('compressed ext4', gzip.compress(bytes(1080) + b'\x53\xef' + bytes(4096)), 'what is compressed in it is an ext4 file system', 'mount -o loop,ro'),
    ('a .deb', b'!<arch>\ndebian-binary   1' + bytes(4096), 'a Debian package', 'dpkg-deb --fsys-tarfile'),
    ('an RPM', b'\xed\xab\xee\xdb\3\0' + bytes(4096), 'an RPM package', 'rpm2archive'),
    ('JSON', '{"schemaVersion": 2}', 'a JSON document', 'layout or archive'),
    ('an LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n', 'a pointer of Git LFS', 'git lfs pull'),
    ('compressed text', gzip.compress(b'hello\n' * 1000), 'what is compressed in it is a text file, and no tar', 'curl -fL'),
    ("a server's message", '404: Not Found', 'a text file', 'curl -fL'),
    ('a text of ours', 'Die Größe ist unbekannt.\n' * 10, 'a text file', 'curl -fL'),
    ('a script', '#!/bin/sh\nexit 0\n', 'a script', 'inputs'),
    ('UTF-16', 'hello'.encode('utf-16'), 'a text file in UTF-16', 'look into'),
    ('compressed noise', gzip.compress(b'\1\2\3' * 1000), 'what is compressed in it is no tar', 'fetch or make it again'),
    ('an ar archive', b'!<arch>\nx.o/            ' + bytes(100), 'an ar archive', 'ar x'),
    ('cpio with checksums', b'070702' + bytes(200), 'a cpio archive', 'bsdtar'),
    ('base64', 'begin-base64 644 x\naGk=\n====\n', 'a file encoded in base64', 'uudecode'),
    ('LUKS', b'LUKS\xba\xbe' + bytes(600), 'an encrypted disk', 'cryptsetup'),
    ('FAT', bytes(54) + b'FAT16   ' + bytes(600), 'a FAT file system', 'tar of a root'),
    ('a kernel', bytes(0x202) + b'HdrS' + bytes(600), 'a Linux kernel', 'tar of one'),
    ('zeros', bytes(10240), 'empty: nothing but zeros', 'without entries'),
]

BIG = f('etc/big', b'0123456789abcdef' * 50000)
SUM = r'is damaged: its checksum does not match what was unpacked'
CUT = r'is cut short: the compressed data do not end'
DAMAGED = [  # what is done to the content of a gzip file, and what is said
    ('a bit flipped in the middle', of_gzip(lambda x: flipped(len(x) // 2)(x), 0), SUM),
    ('a wrong checksum', of_gzip(flipped(-8)), SUM),
    ('the last byte of its checksum wrong', of_gzip(flipped(-5)), SUM),
    ('a wrong length', of_gzip(flipped(-4)), SUM),
    ('the last byte of its length wrong', of_gzip(flipped(-1)), SUM),
    ('the last byte missing', of_gzip(lambda x: x[:-1]), CUT),
    ('the length missing', of_gzip(lambda x: x[:-4]), CUT),
    ('checksum and length missing', of_gzip(lambda x: x[:-8]), CUT),
    ('the last half missing', of_gzip(lambda x: x[:len(x) // 2]), CUT),
    ('what is no deflate', of_gzip(lambda x: x[:10] + b'\xff' * 100), r"is damaged: its compressed data are none of gzip's"),
    ('a checksum of the last member wrong', lambda x: flipped(-8)(members(x)), SUM),
    ('a checksum of the first member wrong', lambda x: of_gzip(flipped(-8))(x[:700]) + gzip.compress(x[700:]), SUM),
    ('a second member that is cut short', lambda x: gzip.compress(x[:700]) + gzip.compress(x[700:])[:-6], CUT),
    ('a second member of nothing but a header', lambda x: gzip.compress(x) + gzip.compress(b'')[:5], CUT),
    ('a wrong checksum, and garbage behind it', of_gzip(lambda x: flipped(-8)(x) + b'garbage' * 100000), SUM),
    ('a damaged one in it', lambda x: gzip.compress(of_gzip(flipped(-8))(x)), SUM),
]

REFUSED = [(name, lambda place, data=data: save(place + '.tar', raw(data)), what + '(.|\n)*hint: .*' + hint) for name, data, what, hint in FILES]
REFUSED += [('a gzipped tar with ' + name, plain(*ROOT, BIG, name='.tar.gz', pack=pack), 'cannot unpack .*it ' + said) for name, pack, said in DAMAGED]
REFUSED += [('a gzipped layout with ' + name, whole(pack), 'cannot (read the image|unpack) .*it ' + said) for name, pack, said in DAMAGED]
if shutil.which('zstd'):
    REFUSED.append(('a zstd window of 2 GiB in a tar', plain(*ROOT, name='.tar.zst', pack=packed_by('zstd', '-qc', '--long=31', '--ultra')), r'hint: it was compressed with a larger window'))
REFUSED += [
    ('a gzipped docker archive with a wrong checksum', whole(of_gzip(flipped(-8)), [layer(d('dir'), f('dir/file', 'content'))], docker), 'cannot read the image .*it ' + SUM),
    ('a gzipped layer with a wrong checksum', lambda place: Layout(place, [layer(f('sum', 'sum'))], of_gzip(flipped(-8))).place, r'cannot unpack .*it ' + SUM),
    ('two images in a docker archive, with their names', docker_of((['ex/a:1', 'ex/a:2'], [ONE]), (['ex/b:1'], [TWO])), r'holds 2 images, .*: ex/a:1, ex/a:2, ex/b:1(.|\n)*--tag'),
    ('a name that a docker archive does not have', docker_of((['ex/a:1'], [ONE])), r"no image 'ex/c:1', but ex/a:1", '--tag', 'ex/c:1'),
    ('two images of an index, with their names', oci(platforms(HERE, HERE, names=['1', '2'])), r'several images, .*: 1, 2(.|\n)*--tag'),
    ('two images without platforms or names', oci(lambda x: x.index([x.manifest, manifest(x, config_of([ONE, TWO], author='other'))])), r'several images'),
    ('encrypted layers', oci(encrypted), r'layer 1 is encrypted(.|\n)*skopeo copy --decryption-key'),
    ('a helm chart', oci(alone(config_type='application/vnd.cncf.helm.config.v1+json', layer_type='application/vnd.cncf.helm.chart.content.v1.tar+gzip')), r'an OCI artifact \(application/vnd.cncf.helm'),
    ('a WebAssembly module', oci(alone(config_type='application/vnd.wasm.config.v0+json', layer_type='application/wasm')), r'an OCI artifact \(application/vnd.wasm'),
    ('a list of what is in an image, alone', oci(lambda x: x.index([dict(artifact(x), artifactType='application/spdx+json')])), r'no image for .*, only artifacts'),
    ("a manifest of Docker's first form", oci(lambda x: x.index([x.put(text({'schemaVersion': 1, 'fsLayers': []}))])), r'schema 1'),
    ('a user with a NUL', oci(config={'User': 'a\0b'}), r'User in its configuration is no plain text'),
    ('a command with a NUL', oci(config={'Cmd': ['a\0b']}), r'entry 1 of Cmd'),
    ('an image for another machine', oci(architecture='mips64le'), r'it is for mips64le'),
    ("a flat layout whose layer is not what it is called", flat(damage=first_layer(lambda p: save(p, gzip.compress(TWO)))), r'layer 1 has \d+ bytes|digest'),
    ("a flat layout without one of its layers", flat(damage=first_layer(os.unlink)), r'layer 1, [0-9a-f]{64}: No such(.|\n)*hint: it is not whole'),
    ("a name that a flat layout cannot have", flat(), r"no image 'x', but one without a name", '--tag', 'x'),
    ("a flat layout of Docker's first form", lambda place: archive(place + '.tar', ('manifest.json', text({'schemaVersion': 1, 'fsLayers': []}))), r'schema 1'),
    ('an archive of Docker before 1.10', old_save(False), r'Docker before 1\.10(.|\n)*hint: load it and save it again'),
    ('... extracted', old_save(True), r'Docker before 1\.10'),
    ('an archive of a layout whose index lists nothing', oci(index_of('{}')), r'index.json lists no manifests'),
    ('an archive of a layout without an index', oci(lambda x: os.unlink(x.place + '/index.json')), r'neither index.json'),
    ('a layer that only its maker distributes', lambda place: (lambda x: (absent(x), x.place)[1])(Layout(place, [ONE, TWO])), r'its layer 1 is not in it(.|\n)*nondistributable-artifacts'),
    ('a manifest that is not there', oci(lambda x: x.index([dict(x.manifest, digest='sha256:' + 'a' * 64)])), r'cannot read blobs/sha256/a{64}: No such(.|\n)*hint: it is not whole'),
    ('a user that is a number', oci(config={'User': 1000}), r'User in its configuration is no text'),
    ('a directory that is a list', oci(config={'WorkingDir': ['/']}), r'WorkingDir in its configuration is no text'),
    ('variables that are a map', oci(config={'Env': {'A': '1'}}), r'Env in its configuration is no list'),
    ('a command that is a map', oci(config={'Cmd': {'a': 1}}), r'Cmd in its configuration is no list'),
    ('a configuration that is a list', oci(config=['x']), r'config in its configuration is no object'),
    ('a size that nothing can hold', oci(index_of('{"manifests": [{"digest": "sha256:' + 'a' * 64 + '", "size": 99999999999999999999}]}')), r'no digest or no size'),
    ('stripping an image', oci(), r'nothing to strip', '--strip', '1'),
    ('a hard link to what is stripped', plain(d('a'), f('top', 'x'), h('a/h', 'top')), r"entry 'h' is a hard link to what `strip` takes off", '--strip', '1'),
]


def tell(name, r, said):
    if said is None and re.search('warning|error', r.err):
        raise Bad('said: ' + r.err)
    if said is not None and not re.search(said, r.err):
        raise Bad('not said: %s, but: %s' % (said, r.err))


def check_taken(number, build, expected, said, *options):
    name = 'taken%d' % number
    source = build(name)
    if 'MANIFEST' in options:
        options = options[:-1] + ('sha256:' + sha(open(source + '/manifest.json', 'rb').read()),)
    if 'CONFIG' in options:
        options = options[:-1] + ('sha256:' + json.load(tarfile.open(source).extractfile('./manifest.json'))[0]['Config'][-64:],)
    r = cupel('import', name, source, *options)
    if r.returncode != 0:
        raise Bad('exit code %d: %s' % (r.returncode, r.err))
    tell(name, r, said)
    compare_root(name, {path: want for path, want in expected.items() if path != 'CONFIG'})
    config = json.loads(cupel('show', name).stdout).get('config')
    if expected.get('CONFIG', config) != config:
        raise Bad('its configuration is %s' % config)
    cupel('remove', name)


def check_refused(number, build, wrong, *options):
    check_refusal('-b%d' % number, build, wrong, *options)


def work(cases):
    for name, check, *arguments in cases:
        report(name, check, *arguments)
    r = cupel('verify')
    if r.returncode != 0:
        os.write(1, raw('FAIL the store is whole: ' + r.stdout.decode() + r.err))


def main():
    """Four at a time, each with a store of its own: what takes long is waiting for the disk."""
    cases = [(name, check_taken, number, *rest) for number, (name, *rest) in enumerate(TAKEN)]
    cases += [('refused: ' + name, check_refused, number, *rest) for number, (name, *rest) in enumerate(REFUSED)]
    top, workers = os.environ['XDG_CACHE_HOME'], []
    for w in range(4):
        workers.append(os.fork())
        if workers[-1] == 0:
            os.makedirs('%d/OUTSIDE' % w)
            os.chdir(str(w))
            os.environ['XDG_CACHE_HOME'] = '%s-%d' % (top, w)
            images.STORE = os.environ['XDG_CACHE_HOME'] + '/cupel'
            work(cases[w::4])
            os._exit(0)
    if all(os.waitpid(pid, 0)[1] == 0 for pid in workers):
        print('PASS %d cases were tried' % len(cases))


main()
