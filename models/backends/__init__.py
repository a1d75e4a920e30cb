"""Where the temporal network is computed: on the CPU, or on an NVIDIA GPU with the CPU behind it.

network = Network.load(NETWORK_FILE)
backend = open_backend("auto", network)
pose = backend.run(features, observed, start)
"""

from models.backends.base import Backend, BackendChoice, Network
from models.backends.choose import open_backend

__all__ = ["Backend", "BackendChoice", "Network", "open_backend"]
