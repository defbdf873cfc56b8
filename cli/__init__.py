"""The command `pca`: what people type. It only carries and shows; every rule lives in `policy/`, every write in `activities/`."""
