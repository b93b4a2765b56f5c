"""The peers, by name, in the order of tables."""

from bench.peers.direct import Direct
from bench.peers.litellm import LiteLLM
from bench.peers.nginx import Nginx
from bench.peers.outlast import Outlast
from bench.peers.peer import Peer
from bench.peers.portkey import Portkey
from bench.peers.tensorzero import TensorZero

PEERS: dict[str, Peer] = {
    peer.name: peer for peer in (Outlast(), Direct(), Nginx(), TensorZero(), Portkey(), LiteLLM())
}

__all__ = ["PEERS", "Peer"]
