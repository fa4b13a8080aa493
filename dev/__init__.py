"""The development cluster: control plane, databases and provider simulator, without a container engine."""
