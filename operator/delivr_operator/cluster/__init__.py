"""EDGE: everything asked of Kubernetes beyond kopf's own watching."""

from delivr_operator.cluster.client import Absent, Cluster, NoCluster, SecretContent
from delivr_operator.cluster.outages import ClusterUnavailable
from delivr_operator.cluster.traffic import Asked, traced

__all__ = ["Absent", "Asked", "Cluster", "ClusterUnavailable", "NoCluster", "SecretContent", "traced"]
