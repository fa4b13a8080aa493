"""EDGE: everything asked of Kubernetes beyond kopf's own watching."""

from delivr_operator.cluster.client import Absent, Cluster, SecretContent
from delivr_operator.cluster.connecting import CONNECTIONS, NoCluster, home_namespace, pod_server
from delivr_operator.cluster.leadership import Leadership, LeaseName
from delivr_operator.cluster.lists_taken import lists_taken
from delivr_operator.cluster.metadata_watch import Shown
from delivr_operator.cluster.outages import ClusterUnavailable
from delivr_operator.cluster.part_leases import PartLeases
from delivr_operator.cluster.traffic import traced
from delivr_operator.cluster.visitor import Visitor
from delivr_operator.cluster.whole_lines import in_whole_lines

__all__ = [
    "CONNECTIONS",
    "Absent",
    "Cluster",
    "ClusterUnavailable",
    "Leadership",
    "LeaseName",
    "NoCluster",
    "PartLeases",
    "SecretContent",
    "Shown",
    "Visitor",
    "home_namespace",
    "in_whole_lines",
    "lists_taken",
    "pod_server",
    "traced",
]
