"""How a model is fitted: folds, batches, the loop over epochs, checkpoints."""
