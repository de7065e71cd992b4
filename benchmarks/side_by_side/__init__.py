"""redsc beside what a user would take instead: time, memory and what comes of it, all in one run.

    PYTHONPATH=. python -m benchmarks.side_by_side [--environments FOLDER] [--minimalloc PROGRAM]
        [--tflite-tools FOLDER] [--quick] [conversion] [quantization] [order] [packing]

Every tool runs as a process of its own, import and start included, in a virtual environment of its own that is made
under FOLDER when it is first asked for. minimalloc (its compiled program) and tflite-tools (its sources) are on no
package index: what is not given is left out, and says so. REDS' own integer program, with solvers that are free,
is compared in `benchmarks/joint_selection.py --ilp`.

process.py       runs a program, says what it took; launch.py is what starts it
environments.py  what each tool needs installed
litert.py        the runtime that judges
samples.py       what quantisers are fed; quantize_worker.py is one of them, as a program
tasks.py         parts of redsc without a verb of their own, as programs
conversion.py, quantization.py, order.py, packing.py    a comparison each: rows of tools, on the same inputs
"""
