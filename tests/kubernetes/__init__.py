"""The manifests of `k8s/`: rendered as an operator renders them, and held to what they promise."""
