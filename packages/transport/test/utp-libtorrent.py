# A peer of libtorrent that speaks uTP alone. Arguments: `seed <host> <directory> <bytes>`: makes a file and a torrent of it
# and offers it; or `leech <host> <directory> <port>`: fetches what another one has made. Prints lines of JSON; ends with stdin.

import json
import os
import sys
import threading

import libtorrent as lt

role, host, directory = sys.argv[1:4]
payload, torrent = os.path.join(directory, 'payload'), os.path.join(directory, 'payload.torrent')


def say(**line):
    print(json.dumps(line), flush=True)


def session():
    where = '[%s]:0' % host if ':' in host else '%s:0' % host
    off = ['enable_dht', 'enable_lsd', 'enable_upnp', 'enable_natpmp', 'enable_incoming_tcp', 'enable_outgoing_tcp']
    settings = {name: False for name in off}
    settings.update({'listen_interfaces': where, 'in_enc_policy': 2, 'out_enc_policy': 2,
                     'allow_multiple_connections_per_ip': True})
    return lt.session(settings)


if role == 'seed':
    with open(payload, 'wb') as file:
        for _ in range(int(sys.argv[4]) // 65536):
            file.write(os.urandom(65536))
    files = lt.file_storage()
    lt.add_files(files, payload)
    made = lt.create_torrent(files, 65536, flags=lt.create_torrent.v1_only)
    lt.set_piece_hashes(made, directory)
    with open(torrent, 'wb') as file:
        file.write(lt.bencode(made.generate()))

info = lt.torrent_info(torrent)
peers = session()
if role == 'seed':
    peers.add_torrent({'ti': info, 'save_path': directory, 'flags': lt.torrent_flags.seed_mode})
    while peers.listen_port() == 0:
        peers.wait_for_alert(100)
    say(port=peers.listen_port(), info=str(info.info_hash()))
    sys.stdin.read()
else:
    handle = peers.add_torrent({'ti': info, 'save_path': os.path.join(directory, 'fetched')})
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    # Whom it hears of while it looks at what it has, it forgets.
    while handle.status().state != lt.torrent_status.downloading:
        peers.wait_for_alert(50)
        peers.pop_alerts()
    handle.connect_peer((host, int(sys.argv[4])))
    while not handle.status().is_seeding and not ended.is_set():
        peers.wait_for_alert(100)
        peers.pop_alerts()
    say(whole=handle.status().is_seeding)
