# SPDX-License-Identifier: Apache-2.0
# neighbours PREFIX4 PREFIX6: sends to many addresses: of the job's own networks, of others, and link-local ones; by the routes, and bound to eth0
# with routes left aside. The neighbours that this makes are looked at afterwards.
import socket
import sys

SO_BINDTODEVICE = 25
addresses = (
    (socket.AF_INET, sys.argv[1] + '.%d.%d'),
    (socket.AF_INET, '198.51.%d.%d'),
    (socket.AF_INET6, sys.argv[2] + '::%x%02x'),
    (socket.AF_INET6, 'fe80::%x%02x%%eth0'),
)
for bound in (False, True):
    for family, address in addresses:
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            if bound:
                s.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, b'eth0')
                s.setsockopt(socket.SOL_SOCKET, socket.SO_DONTROUTE, 1)
            for i in range(300):
                try:
                    s.sendto(b'x', (address % (i // 200, i % 200 + 2), 9))
                except OSError:
                    pass
