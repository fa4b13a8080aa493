"""EDGE: everything asked of Kubernetes beyond kopf's own watching."""

from delivr_operator.cluster.client import Absent, Cluster, NoCluster, SecretContent
from delivr_operator.cluster.outages import ClusterUnavailable

__all__ = ["Absent", "Cluster", "ClusterUnavailable", "NoCluster", "SecretContent"]
