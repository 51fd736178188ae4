# SPDX-License-Identifier: Apache-2.0
# Completion of cupel's command line for bash. Installed as .../bash-completion/completions/cupel, or sourced.

_cupel() {
    local cur prev command='' i
    cur=${COMP_WORDS[COMP_CWORD]}
    prev=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()

    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} != -* ]]; then
            command=${COMP_WORDS[i]}
            break
        fi
    done

    case $prev in
    --out)
        compopt -o filenames -o nospace 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -S / -- "$cur")
        return
        ;;
    -o | --output)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    -j | --jobs)
        mapfile -t COMPREPLY < <(compgen -W "1 2 4 8 $(nproc 2>/dev/null)" -- "$cur")
        return
        ;;
    --limit)
        compopt -o nospace 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -S = -W 'cpu cpuset cpu-time wall idle memory swap pids disk inodes output stdout stderr file-size open-files stack address-space core processes' -- "$cur")
        return
        ;;
    --network)
        mapfile -t COMPREPLY < <(compgen -W 'none loopback nat host' -- "$cur")
        return
        ;;
    --allow-device)
        mapfile -t COMPREPLY < <(compgen -W kvm -- "$cur")
        return
        ;;
    --retries)
        mapfile -t COMPREPLY < <(compgen -W '0 1 2 3' -- "$cur")
        return
        ;;
    --only | --skip | --tag)
        if [[ $command == selftest ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" selftest --list --json 2>/dev/null | jq -r '.[].name' 2>/dev/null)" -- "$cur")
            return
        fi
        _cupel_of_files "$prev" "$cur"
        return
        ;;
    esac

    local words='' files=false
    case $command in
    '') words='run grade shell exec enter serve validate list report schema convert problem rootfs cache doctor selftest config clean help version --version --help' ;;
    run) words='-j --jobs --dry-run --only --skip --tag --set --retries --keep-failed --keep --fail-fast --shuffle --repeat --until-fail --rerun-failed --changed --watch --timeout --pin --best-effort --overcommit --no-ahead --no-cache --reuse --trace-setup --locked --sample --allow-host-network --allow-device --out --help' files=true ;;
    grade) words='-j --jobs --visible --roster --at --layout --unpack-max --by --job --image --no-reference --no-cache -v --verbose --set --out --pin --best-effort --overcommit --locked --allow-device --help' files=true ;;
    shell) words='--rootfs --file --failed --run --out --secrets --no-services --best-effort --allow-host-network --allow-device --help' files=true ;;
    exec) words='--root --input --limit --timeout --grace --network --user --env --workdir --artifacts --artifact --result --result-fd --name --sample -t --terminal -q --quiet --best-effort --allow-host-network --allow-device --help' files=true ;;
    enter) words="--help $("${COMP_WORDS[0]}" enter 2>/dev/null | sed -n 's,^[0-9a-f-]*/\([^ ]*\) .*,\1,p')" ;;
    serve) words='--socket --mode --group --root --files --slots --ready --ready-all --overcommit --queue --cache-files --keep --grace --nat --allow-host-network --allow-device --help' ;;
    list) words='--only --skip --tag --set --expanded --kept --json --help' files=true ;;
    validate) words='--set --help' files=true ;;
    schema) words='job results --markdown --help' ;;
    report) words='class --roster --format -o --output --job --by --student --at --problem --help' files=true ;;
    convert) words='gitlab github package --conditional --var --image --help' files=true ;;
    problem) words='verify -j --jobs --calibrate --image --out --help' files=true ;;
    doctor) words='--json --help' ;;
    selftest) words='--list --only --json --markdown --out -j --jobs -v --verbose --help' ;;
    config) words='--help' ;;
    clean) words='--kept --older-than --help' ;;
    help) words='run grade shell exec enter serve validate list report schema convert problem rootfs cache doctor selftest config clean help version' ;;
    rootfs)
        words='--help'
        ((i == COMP_CWORD - 1)) && words+=' import pull build lock export list show verify gc remove'
        [[ ${COMP_WORDS[i + 1]-} == import ]] && ((COMP_CWORD > i + 2)) && files=true
        [[ ${COMP_WORDS[i + 1]-} == export ]] && words+=' -o --output'
        [[ ${COMP_WORDS[i + 1]-} == import ]] && words+=' --tag --platform --strip'
        [[ ${COMP_WORDS[i + 1]-} == pull ]] && words+=' --platform'
        [[ ${COMP_WORDS[i + 1]-} == build ]] && words+=' --locked --allow-host-network'
        [[ ${COMP_WORDS[i + 1]-} == lock ]] && words+=' --check --allow-host-network'
        [[ ${COMP_WORDS[i + 1]-} == build || ${COMP_WORDS[i + 1]-} == lock ]] && ((COMP_CWORD == i + 2)) && files=true
        [[ ${COMP_WORDS[i + 1]-} == verify ]] && words+=' --repair'
        [[ ${COMP_WORDS[i + 1]-} == gc ]] && words+=' --keep --older'
        ;;
    cache)
        words='--help'
        ((i == COMP_CWORD - 1)) && words+=' list gc remove'
        [[ ${COMP_WORDS[i + 1]-} == list ]] && words+=' --json'
        [[ ${COMP_WORDS[i + 1]-} == gc ]] && words+=' --keep --older'
        ;;
    esac
    if [[ $cur == -* || $files == false ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
        return
    fi
    compopt -o filenames 2>/dev/null
    if [[ $command == rootfs ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    else
        mapfile -t COMPREPLY < <(compgen -f -X '!*.yaml' -- "$cur"; compgen -f -X '!*.yml' -- "$cur"; compgen -d -- "$cur")
    fi
}

# Names or tags of the jobs in the files that are already on the command line.
_cupel_of_files() {
    local files=() word filter='.[].name'
    [[ $1 == --tag ]] && filter='.[].tags[]'
    for word in "${COMP_WORDS[@]:2}"; do
        [[ ($word == *.yaml || $word == *.yml) && -r $word ]] && files+=("$word")
    done
    ((${#files[@]} > 0)) && command -v jq >/dev/null || return
    mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" list --json "${files[@]}" 2>/dev/null | jq -r "$filter")" -- "$2")
}

complete -F _cupel cupel
