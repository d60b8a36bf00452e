#!/bin/sh
# Makes target/peers/venv with the pinned PyTorch, in about two minutes and some GB; what is there already is kept.
# Another Python that has torch serves as well: name it in PHYLA_PEER_PYTHON.
set -eu
cd "$(dirname "$0")/../.."
[ -x target/peers/venv/bin/python ] || "${PYTHON:-python3}" -m venv target/peers/venv
target/peers/venv/bin/python -m pip install --quiet -r tests/peers/requirements.txt
target/peers/venv/bin/python -c 'import torch; print("torch", torch.__version__, "in target/peers/venv")'
