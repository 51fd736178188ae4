/* SPDX-License-Identifier: Apache-2.0 */
/* docs/serve.openapi.json has exactly the routes that the server has. */
#include "harness/serve/serve_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <ctype.h>
#include <jansson.h>
#include <string.h>

#define DOCUMENT "../../docs/serve.openapi.json"

static bool is_method(const char *key)
{
    return str_eq(key, "get") || str_eq(key, "put") || str_eq(key, "post") || str_eq(key, "delete");
}

static bool server_has(const char *method, const char *path)
{
    cleanup_free char *name = xasprintf("%s %s", method, path);

    for (char *c = name; *c != ' '; c++)
        *c = (char)toupper((unsigned char)*c);
    for (size_t i = 0; serve_http_route(i) != NULL; i++)
        if (str_eq(serve_http_route(i), name))
            return true;
    return false;
}

static void test_document_has_the_routes(void **state)
{
    json_error_t error;
    json_t *document = json_load_file(DOCUMENT, JSON_REJECT_DUPLICATES, &error), *item, *operation;
    size_t described = 0, routes = 0;
    const char *path, *method;

    (void)state;
    if (document == NULL)
        fail_msg("%s: %d: %s", DOCUMENT, error.line, error.text);
    json_object_foreach(json_object_get(document, "paths"), path, item)
        json_object_foreach(item, method, operation)
    {
        if (!is_method(method))
            continue;
        described++;
        if (!server_has(method, path))
            fail_msg("the server has no %s %s", method, path);
        assert_non_null(json_object_get(operation, "responses"));
    }
    while (serve_http_route(routes) != NULL)
        routes++;
    assert_int_equal(described, routes);
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_document_has_the_routes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
