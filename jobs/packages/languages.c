/* SPDX-License-Identifier: Apache-2.0 */
/* languages: how a submission becomes a program: a table of languages, and the shell script that
 * finds out in the sandbox which one it is. The submission is the attacker's: the script reads
 * names in it by find(1) alone, and hands them on as whole arguments that begin with "./". */
#include "jobs/packages/package.h"

#include <string.h>

static const struct language {
    const char *code;
    const char *endings; /* with blanks between them, the first begins with none */
    const char *tool;    /* what is needed */
    /* of the sources, as "$@", makes /judge; NULL: nothing is to be made */
    const char *compile;
    /* what runs it, where "$main" is the file that it begins with; NULL: /judge/program */
    const char *run;
    const char *entry; /* that file, where there are several; NULL: none is known */
} languages[] = {
    {"c", "c", "cc", "cc -x c -g -O2 -std=gnu17 -o /judge/program \"$@\" -lm", NULL, NULL},
    {"cpp", "cc cpp cxx c++ C", "c++", "c++ -x c++ -g -O2 -std=gnu++20 -o /judge/program \"$@\"",
     NULL, NULL},
    {"java", "java", "javac",
     "mkdir -p /judge/classes; javac -encoding UTF-8 -d /judge/classes \"$@\"",
     "java -Xss64m -XX:+UseSerialGC -cp /judge/classes:/work \"$class\"", "Main.java"},
    {"python3", "py py3", "python3",
     "python3 -c 'import sys; [compile(open(f, \"rb\").read(), f, \"exec\") for f in "
     "sys.argv[1:]]' \"$@\"",
     "python3 \"$main\"", "__main__.py"},
    {"bash", "sh", "bash", "for file; do bash -n \"$file\"; done", "bash \"$main\"", NULL},
    {"go", "go", "go",
     "GOCACHE=/tmp/go-cache GOPATH=/tmp/go GO111MODULE=off go build -o /judge/program \"$@\"", NULL,
     NULL},
    {"haskell", "hs", "ghc", "ghc -O2 -outputdir /tmp/ghc -o /judge/program \"$@\"", NULL, NULL},
    {"javascript", "js", "node", "for file; do node --check \"$file\"; done", "node \"$main\"",
     "main.js"},
    {"lua", "lua", "lua", NULL, "lua \"$main\"", NULL},
    {"pascal", "pas", "fpc", "fpc -O2 -o/judge/program -FU/tmp \"$@\"", NULL, NULL},
    {"perl", "pm pl", "perl", NULL, "perl \"$main\"", NULL},
    {"php", "php", "php", NULL, "php \"$main\"", "main.php"},
    {"ruby", "rb", "ruby", NULL, "ruby \"$main\"", NULL},
    {"rust", "rs", "rustc", "rustc --edition 2021 -O -o /judge/program \"$main\"", NULL, "main.rs"},
};

/* Whether the problem may be solved in it. */
static bool is_allowed(const struct problem_package *p, const struct language *l)
{
    const struct package_texts *only = &p->problem.languages;

    for (size_t i = 0; i < only->n; i++)
        if (str_eq(only->items[i], l->code))
            return true;
    return !only->said;
}

static bool has_ending(const struct language *l, const char *ending)
{
    size_t n = strlen(ending);

    for (const char *p = l->endings; *p != '\0'; p += strspn(p, " ")) {
        size_t m = strcspn(p, " ");

        if (m == n && strncmp(p, ending, n) == 0)
            return true;
        p += m;
    }
    return false;
}

/* ---- what is needed ---- */

static void add_once(struct problem_package *p, struct package_texts *texts, const char *text)
{
    for (size_t i = 0; i < texts->n; i++)
        if (str_eq(texts->items[i], text))
            return;
    package_add_text(p, texts, text);
}

static void add_tool_of(struct problem_package *p, const char *name, struct package_texts *tools)
{
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot != NULL && i < ARRAY_SIZE(languages); i++)
        if (is_allowed(p, &languages[i]) && has_ending(&languages[i], dot + 1))
            add_once(p, tools, languages[i].tool);
}

void package_tools(struct problem_package *p, struct package_texts *ret)
{
    for (size_t i = 0; i < p->submissions.n; i++) {
        const char *own = p->submissions.items[i];
        struct package_list list;

        add_tool_of(p, own, ret);
        if (p->asked->submissions == NULL &&
            package_list(p, arena_printf(p->arena, "submissions/%s", own), &list))
            for (size_t k = 0; k < list.n; k++)
                add_tool_of(p, list.items[k].name, ret);
    }
}

/* ---- the script ---- */

/* Adds the beginning of a branch for each language that is allowed. */
typedef void add_fn(struct strbuf *to, const struct language *l);

static void add_finding(struct strbuf *to, const struct language *l)
{
    strbuf_addf(to, "if has %s; then found=\"$found %s\"; fi\n", l->endings, l->code);
}

static void add_endings(struct strbuf *to, const struct language *l)
{
    strbuf_addf(to, "%s) endings='%s' ;;\n", l->code, l->endings);
}

static void add_making(struct strbuf *to, const struct language *l)
{
    strbuf_addf(to, "%s)\n", l->code);
    if (l->run != NULL || strstr(l->compile, "$main") != NULL)
        strbuf_addf(to, "  main=$(entry %s)\n", l->entry != NULL ? l->entry : "");
    if (l->compile != NULL) {
        strbuf_adds(to, "  make_it ");
        text_add_shell_word(to, l->compile);
        strbuf_adds(to, "\n");
    }
    if (l->run != NULL && strstr(l->run, "$class") != NULL)
        strbuf_adds(to, "  class=${main##*/}\n  class=${class%.java}\n");
    strbuf_addf(to, "  runs='exec %s'\n  ;;\n", l->run != NULL ? l->run : "/judge/program");
}

static void add_branches(struct problem_package *p, struct strbuf *to, const char *before,
                         add_fn *add, const char *after)
{
    strbuf_adds(to, before);
    for (size_t i = 0; i < ARRAY_SIZE(languages); i++)
        if (is_allowed(p, &languages[i]))
            add(to, &languages[i]);
    strbuf_adds(to, after);
}

static const char script_begin[] =
    "set -eu\n"
    "name=${SUBMISSION##*/}\n"
    "if [ -d /submission ]; then cp -R /submission/. .; else cp /submission \"./$name\"; fi\n"
    "all() {\n"
    "  for ending; do find . -type f -name \"*.$ending\"; done\n"
    "}\n"
    "has() {\n"
    "  for ending; do known=\"$known .$ending\"; done\n"
    "  [ -n \"$(all \"$@\" | head -n 1)\" ]\n"
    "}\n"
    "known= found=\n";

static const char script_found[] =
    "set -- $found\n"
    "if [ $# -ne 1 ]; then\n"
    "  echo \"a submission is of one language:${found:- no file ends in one of$known}\"\n"
    "  exit 1\n"
    "fi\n"
    "language=$1\n";

static const char script_include[] =
    "for part in default \"$language\"; do\n"
    "  if [ -d \"/package/include/$part\" ]; then cp -R \"/package/include/$part/.\" .; fi\n"
    "done\n";

/* entry: the file that a program begins with is the one that is called so, or the only one.
 * make_it: has a shell of its own run the words on all sources. */
static const char script_functions[] =
    "entry() {\n"
    "  if [ -f \"./${1-}\" ]; then echo \"/work/$1\"; return; fi\n"
    "  if [ \"$(all $endings | wc -l)\" -ne 1 ]; then\n"
    "    echo \"which of several files is to begin? ${1:-There may be one.}\" >&2\n"
    "    return 1\n"
    "  fi\n"
    "  echo \"/work/$(all $endings | cut -c 3-)\"\n"
    "}\n"
    "make_it() {\n"
    "  words=$1\n"
    "  set --\n"
    "  for ending in $endings; do set -- \"$@\" -o -name \"*.$ending\"; done\n"
    "  shift\n"
    "  main=${main-} find . -type f \\( \"$@\" \\) -exec sh -euc \"$words\" make {} +\n"
    "}\n"
    "mkdir -p /judge\n";

/* What stands in the program's place names its files in quotes. */
static const char script_end[] =
    "esac\n"
    "quoted() {\n"
    "  printf \"%s='%s'\\n\" \"$1\" \"$(printf %s \"$2\" | sed \"s/'/'\\\\\\\\''/g\")\"\n"
    "}\n"
    "{\n"
    "  echo '#!/bin/sh'\n"
    "  quoted main \"${main-}\"\n"
    "  quoted class \"${class-}\"\n"
    "  echo \"$runs \\\"\\$@\\\"\"\n"
    "} >/judge/run\n"
    "chmod 755 /judge/run\n";

const char *package_compile_script(struct problem_package *p, bool has_include)
{
    cleanup_strbuf struct strbuf text = {0};

    add_branches(p, &text, script_begin, add_finding, script_found);
    if (has_include)
        strbuf_adds(&text, script_include);
    add_branches(p, &text, "case $language in\n", add_endings, "esac\n");
    strbuf_adds(&text, script_functions);
    add_branches(p, &text, "case $language in\n", add_making, script_end);
    /* whoever runs it is another user */
    strbuf_addf(&text, "chmod -R a+rX /judge\nchmod -R a+r%sX .\n",
                p->problem.writes_files ? "w" : "");
    return arena_strdup(p->arena, text.data);
}
