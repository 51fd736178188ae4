#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry that fails on demand, for tests/e2e/registry.sh: registry-proxy.py PORT BACKEND-PORT DIRECTORY. Requests go on to the registry
at the second port; their paths into DIRECTORY/requests. DIRECTORY/cut: an answer whose path has that text breaks off in its
middle; DIRECTORY/fail: such a request is answered with 500."""
import http.client, http.server, os, sys

port, backend, place = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


def wish(name, path):
    try:
        text = open(os.path.join(place, name)).read().strip()
    except FileNotFoundError:
        return False
    return text != '' and text in path


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def do_GET(self):
        with open(os.path.join(place, 'requests'), 'a') as log:
            log.write('%s %s\n' % (self.command, self.path))
        if wish('fail', self.path):
            self.send_response(500)
            self.send_header('Content-Length', '0')
            self.end_headers()
            return
        there = http.client.HTTPConnection('127.0.0.1', backend)
        there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():  # some more than once
            if name.lower() != 'connection':
                there.putheader(name, value)
        there.endheaders()
        answer = there.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ('connection', 'transfer-encoding'):
                self.send_header(name, value)
        self.end_headers()
        if wish('cut', self.path) and self.command == 'GET':
            self.wfile.write(body[:len(body) // 2])
            self.close_connection = True
        else:
            self.wfile.write(body)

    do_HEAD = do_GET


http.server.ThreadingHTTPServer(('127.0.0.1', port), Proxy).serve_forever()
