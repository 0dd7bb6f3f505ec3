"""The web page: server-rendered, in English and Chinese, without a request to anywhere else."""
