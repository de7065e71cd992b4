"""From levels to firmware.

TFLM: `container` (all levels in one array), `describe` (what the files show), `c_files`. The C engine:
`engine_image` (levels as C), `describe`, `engine_files`. Both: `render` fills the templates in, `arduino` and
`depfile` arrange for builds, `files` writes; `oracles` and `engine_oracle` ask the real runtimes. `bench` is a
firmware that measures.
"""
