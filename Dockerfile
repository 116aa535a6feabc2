# The pipeline, from the lock, as a user who is not root. Its outputs stay in the volume:
#     docker build --tag textrnn .
#     docker run --volume textrnn:/home/textrnn/repository textrnn
#     docker run --volume textrnn:/home/textrnn/repository textrnn python predict.py "Call now to win"
# With --build-arg REQUIREMENTS=requirements-cpu.txt it is smaller; that has packages for x86-64 alone.
FROM docker.io/library/python:3.11-slim-bookworm

# Debian keeps no earlier version of a package, so there is none to name.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 textrnn \
    && install --directory --owner=1000 --group=1000 /home/textrnn/repository
USER 1000
WORKDIR /home/textrnn/repository

ARG REQUIREMENTS=requirements.txt
ENV PATH=/home/textrnn/venv/bin:$PATH
COPY --chown=1000:1000 requirements*.txt ./
RUN python3 -m venv /home/textrnn/venv && pip install --no-cache-dir -r "$REQUIREMENTS"
COPY --chown=1000:1000 . .

CMD ["dvc", "repro"]
