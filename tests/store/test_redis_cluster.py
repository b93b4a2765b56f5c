"""A Redis that is a node of a cluster: what a command touches lies in one slot, or the server refuses it."""

import pytest
import redis

from . import test_redis
from .redis_server import RedisServer


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory):
    """A node that has all slots of its cluster, and is as strict as if it had one."""
    directory = tmp_path_factory.mktemp("cluster")
    server = RedisServer(directory, "cluster-enabled yes", "cluster-config-file nodes.conf").start()
    server.do("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    while b"cluster_state:ok" not in server.do("CLUSTER", "INFO"):
        continue
    yield server
    server.close()


class TestRedisInACluster(test_redis.TestRedis):
    """As every store."""

    def test_the_node_is_strict(self):
        """What would touch two slots is refused, so that what is not refused touches one."""
        with pytest.raises(redis.ResponseError, match="same slot"):
            self.server.do("MSET", "one", "1", "two", "2")
