# DISPR on a CPU, with the shipped weights inside:
#   docker build -t dispr .
#   docker run --rm -v "$PWD:/data" dispr predict cells -o predictions
# PyTorch's default build is for GPUs and large. For the CPU build, name its package index:
#   docker build --build-arg PIP_EXTRA_INDEX_URL=... -t dispr .
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY packaging packaging
COPY src src
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
ARG PIP_EXTRA_INDEX_URL
WORKDIR /install
COPY constraints.txt ./
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir -c constraints.txt /wheels/*.whl \
    && useradd --create-home --uid 1000 dispr
USER 1000
WORKDIR /data
ENV HOME=/home/dispr
ENTRYPOINT ["dispr"]
CMD ["--help"]
