# Two nodes of libtorrent on this machine, whose ports it prints. The second knows the first; it looks up and announces what
# the lines of standard input say: `get <key>` prints `peers <host:port> ...` when somebody is found, `announce <key>`, of a
# torrent of that key, prints nothing.
import select
import sys

import libtorrent as lt

HOST = '127.0.0.1'


def session():
    return lt.session({
        'listen_interfaces': HOST + ':0',
        'enable_dht': True,
        'enable_lsd': False,
        'enable_upnp': False,
        'enable_natpmp': False,
        'dht_bootstrap_nodes': '',
        # All of this test is one address, and not of the Internet.
        'dht_restrict_routing_ips': False,
        'dht_restrict_search_ips': False,
        'dht_prefer_verified_node_ids': False,
        'dht_ignore_dark_internet': False,
        'dht_enforce_node_id': False,
        'alert_mask': lt.alert.category_t.dht_notification | lt.alert.category_t.dht_operation_notification,
    })


def announce(key):
    torrent = second.add_torrent({'info_hash': key, 'save_path': '/nonexistent', 'flags': lt.torrent_flags.apply_ip_filter})
    torrent.force_dht_announce()


first, second = session(), session()
second.add_dht_node((HOST, first.listen_port()))
print('ready %d %d' % (first.listen_port(), second.listen_port()), flush=True)
wanted = None
while True:
    if select.select([sys.stdin], [], [], 0.05)[0]:
        words = sys.stdin.readline().split()
        if not words:
            break
        key = lt.sha1_hash(bytes.fromhex(words[1]))
        if words[0] == 'announce':
            announce(bytes.fromhex(words[1]))
        else:
            wanted = key
            second.dht_get_peers(key)
    first.pop_alerts()
    for alert in second.pop_alerts():
        if isinstance(alert, lt.dht_get_peers_reply_alert) and alert.info_hash == wanted and alert.num_peers() > 0:
            print('peers ' + ' '.join('%s:%d' % peer for peer in alert.peers()), flush=True)
