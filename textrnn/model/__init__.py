"""What is computed: the network, the linear branch, their stacking, and the exported graph."""
