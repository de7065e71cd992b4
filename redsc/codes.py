"""What every code of an error or a note means, and what to do about it: the pages of the documentation.

Messages say what happened in this very case; what is here holds for every case of the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CODES", "Code"]


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means in a few words, and what a user does next: both in Markdown."""

    meaning: str
    action: str


_REPORT = (
    "It is a bug of redsc, not of yours. Report it with the command, the model if you can, and the file named."
)
_RAM = (
    "Raise `--ram`, allow narrower networks with `--levels` or `--data`, or let results lie over operands with "
    "`--kernels` or `--backend c`. `redsc analyze MODEL` shows what each of these needs."
)

CODES: Mapping[str, Code] = {
    "U200": Code("an option makes no sense", "The message says which; `redsc COMMAND --help` lists all."),
    "U201": Code(
        "a size, a count or a time is not written as one",
        "`KB` is 1000 bytes, `KiB` and `K` are 1024; counts take `k` and `M`, times `us`, `ms` and `s`.",
    ),
    "U202": Code(
        "a level is not a percentage", "A level is named by its ceiling in percent of the MACs: `50`, `12.5`."
    ),
    "U203": Code("an option has no such value", "The message lists what there is."),
    "U204": Code("`--freeze` names no channel space", "`redsc levels MODEL --spaces` lists the names."),
    "U205": Code("a plan cannot be read", "`redsc compile` writes plans: `NAME.plan.json`."),
    "U207": Code(
        "a data file does not suit the model",
        "Samples are in the model file's own layout and range: [data files](../../data.md).",
    ),
    "U208": Code(
        "a plan does not fit the model or its budgets",
        "The lines below say which rule it breaks. Widths are legal where `redsc levels MODEL --spaces` says so.",
    ),
    "U209": Code("there is no such selector", "[Levels](../../levels.md) lists them."),
    "U210": Code("the container has no such level", "The hint lists those that it has."),
    "U211": Code(
        "the file is no container of redsc",
        "Give the `NAME.tflite` that `redsc compile` wrote, or the model file with `--plan`.",
    ),
    "U212": Code("a plan says already what another option says too", "Leave the option out, or edit the plan."),
    "U213": Code(
        "`redsc verify` got a model without its plan, or a plan without its model", "Give both, or neither."
    ),
    "U214": Code("`--keep-float` names no operator", "`redsc compile --explain` shows the names."),
    "U215": Code(
        "a container is int8, the model beside it float",
        "Give the `--data` and the flags with which it was compiled: they make the same integers again.",
    ),
    "U216": Code(
        "`--shape` is not written as a shape", "Write the input's name and all its sizes: `image=1,3,48,192`."
    ),
    "U217": Code(
        "`--shape` or a percentage does not suit",
        "Shapes are for ONNX files that leave sizes open, with the input's own name; shares are written like `2%`.",
    ),
    "U218": Code("`--max-drop` has nothing to measure by", "Give `--data`, or `--eval`."),
    "U219": Code(
        "a time or a cost table is asked of an unknown machine",
        "Name the board with `--target`: `redsc targets` lists them, [targets](../../targets.md) adds your own.",
    ),
    "U220": Code("an option is for the other backend", "Leave it out, or choose that backend: see `--backend`."),
    "U221": Code(
        "tuning lacks something",
        "`pip install 'redsc[tune]'` brings PyTorch; the message says if it is another thing.",
    ),
    "U222": Code(
        "the network takes no images of this size",
        "The lines below name what needs the size; [levels](../../levels.md) says which networks are free of it.",
    ),
    "U223": Code(
        "image sizes are given to no level", "Say which level has which: `--resolution 50=64`, or give data."
    ),
    "U224": Code("an image size or a part of an image is not written as one", "Write it as the hint does."),
    "U225": Code("the selector gives levels no images of their own", "`--select joint` does, and so does a plan."),
    "U226": Code(
        "ratios are missing or wrong", "`--ratio 0.5` is for every space, `--ratios FILE` has one per space."
    ),
    "U227": Code(
        "`--state` names no input and output that can be one variable",
        "Write the input's name and that of the output which it takes next: `h0=hn`, of one shape and type.",
    ),
    "U228": Code(
        "there is no such signature",
        "The message lists those of the file. Without `--signature` it is the only one, or the first network.",
    ),
    "U230": Code("there is no such target", "`redsc targets` lists them; the name of a file ends with `.toml`."),
    "U231": Code(
        "a target file or a cost table cannot be read",
        "[Targets](../../targets.md) describes every key of the files.",
    ),
    "U232": Code(
        "the log of a bench cannot be read",
        "A log has the lines that begin with `redsc-bench`, as printed; delete broken ones and `--resume`.",
    ),
    "U233": Code("`redsc measure` was asked for nothing", "First `--emit DIR`, then `--read LOG -o table.json`."),
    "U240": Code(
        "a range of RAM budgets is not written as one", "Write `LOW..HIGH`, or `LOW..HIGH/N` for N budgets."
    ),
    "U241": Code(
        "a file of a sweep cannot be read", "`{name}` in `--data` and `--eval` stands for a model's name."
    ),
    "U242": Code(
        "a cluster does not answer, or is not ready",
        "It takes `redsc[cluster]`, the same redsc on every worker, and the address that `dask scheduler` prints.",
    ),
    "U250": Code(
        "a file of options cannot be read",
        "It is `redsc.toml`, or `pyproject.toml` with a table `[tool.redsc]`, in TOML and of at most 1 MiB: "
        "[options](../../configuration.md). `--config none` reads none.",
    ),
    "U251": Code(
        "a file of options has keys or values that are none",
        "The lines below name all of them, with the nearest key that there is. `redsc COMMAND --print-config` "
        "prints every option in the form of such a file.",
    ),
    "U252": Code(
        "`--explain` names no node",
        "Names are those of the model file; `redsc compile MODEL --explain` shows those that passes changed.",
    ),
    "M300": Code("the model file cannot be used", "The message says why."),
    "M301": Code(
        "the model file is damaged, or lies about itself",
        "Export or download it again. redsc checks every index, size and name before it uses one.",
    ),
    "M302": Code(
        "the model is beyond redsc's limits",
        "Limits protect against hostile files; networks for microcontrollers are far below them.",
    ),
    "M303": Code(
        "a runtime refuses the model, or crashes on it",
        "The model's own runtime should run it first: try the file in onnxruntime or LiteRT alone.",
    ),
    "M304": Code("the text of a graph cannot be read", "The message shows the place."),
    "M305": Code("a file cannot be read", "Check the path; external weights lie beside their ONNX file."),
    "M307": Code(
        "a process of a sweep was lost", "Run it again: finished points are kept. Fewer `--jobs` take less memory."
    ),
    "N401": Code(
        "operators are not translated",
        "Every such operator is listed with the reason; [operators](../../ops.md) has the table of all.",
    ),
    "N403": Code(
        "a shape is not known before the network runs",
        "Name open sizes with `--shape INPUT=SIZES`, or export with static shapes.",
    ),
    "N404": Code("the weights lie in a file that cannot be had", "Export with `external_data=False`."),
    "N406": Code("there is no network between inputs and outputs", "Export the part of the model that is to run."),
    "N407": Code(
        "the operators are of an unknown version", "Export the model again with an opset that redsc reads."
    ),
    "N408": Code(
        "TFLM's kernels do not take the scales of an int8 file",
        "Quantise the float model with redsc instead: `--data calib.npz`.",
    ),
    "N409": Code("PyTorch cannot run a part of the network", "Leave `--tune` out, and `--importance taylor`."),
    "N410": Code("the network has no answer to learn from", "Leave `--tune` out."),
    "N411": Code(
        "the C engine has no kernel for some operators",
        "Leave out `--backend c`: TFLM has kernels for all that redsc reads.",
    ),
    "R501": Code("the network needs more RAM than there is", _RAM),
    "R502": Code(
        "the network needs more flash than there is",
        "Raise `--flash`, or allow narrower networks with `--levels` or `--data`. Fewer levels take less.",
    ),
    "R503": Code("the network takes more MACs than its ceiling", "Raise `--macs`, or name larger `--levels`."),
    "R504": Code("the network takes more time than there is", "Raise `--latency`, or allow narrower networks."),
    "R505": Code(
        "the largest level loses more than `--max-drop`",
        "`--protect-full` keeps the whole network as it is; more samples make better scales.",
    ),
    "R506": Code(
        "levels fit before they are repaired, not after",
        "`--recover off` gives them no numbers of their own; with fewer `--levels` there is more room for each.",
    ),
    "V601": Code(
        "what redsc made does not answer as it should",
        "Nothing was written: report it, with the model if you can. `redsc verify` says it of changed files.",
    ),
    "O701": Code(
        "a result cannot be written", "Choose another folder with `-o`, or make room. Files are whole or untouched."
    ),
    "I700": Code("redsc failed in a way it should not", _REPORT),
    "I701": Code("the check of arena plans found a wrong one", _REPORT),
    "I702": Code("a pass left an invalid graph", _REPORT),
    "I703": Code("a self-test of the channel spaces failed", f"`--freeze` the space helps for now. {_REPORT}"),
    "I704": Code("a container does not read back as it was written", _REPORT),
    "I705": Code("the check of level plans found a wrong one", _REPORT),
    "L101": Code(
        "levels larger than the budgets allow are left out", "Slot 0 is the best network inside all budgets."
    ),
    "L102": Code("a level is left out: nothing legal is as small", "The lines below say what it would need."),
    "L103": Code(
        "levels were cut without looking at data", "`--data FILE.npz` chooses, repairs and measures them."
    ),
    "L104": Code(
        "a level is left out: it would equal another one",
        "The other one serves both; a larger budget has room for two.",
    ),
    "L105": Code("some operators stay float", "The lines below name them; float costs four times the RAM."),
    "L106": Code("there are few samples", "Some hundred make good scales and narrow confidence intervals."),
    "L107": Code("samples are all alike", "Look at the data file: scales of constant inputs fit nothing else."),
    "L108": Code(
        "float inputs or outputs cost RAM", "`--int8-io` drops the conversions; your firmware converts then."
    ),
    "L109": Code(
        "the model file answers no better than one label for all",
        "Labels in another order, or samples that are not scaled or laid out as in training, look like that.",
    ),
    "L110": Code(
        "a level is left out: it loses more than `--max-drop`", "`--tune` loses less, so do more samples."
    ),
    "L111": Code("there is no cascade", "The message says what it would need."),
    "L112": Code(
        "data only measure the levels of a network with state",
        "What repairs and tuning would do to a stream is not known: levels are slices of the file's own numbers.",
    ),
    "L113": Code(
        "a recurrent layer is unrolled",
        "Each step has operators of its own. SVDF and LSTM of TFLite files stay whole.",
    ),
    "L114": Code(
        "a smaller level takes more arena than the largest",
        "A narrow tensor leaves little room for the wide one that lies over it. The hint's budget chooses others.",
    ),
    "L130": Code("runs of a bench are outliers", "They are left out; measure again if they are many."),
    "L131": Code(
        "a bench was not finished", "`redsc measure MODEL --emit DIR --resume LOG` measures what is missing."
    ),
    "L132": Code("some layers are faster than narrower ones", "They are kept: kernels like some widths."),
    "L150": Code(
        "a variable of the environment is no option",
        "Variables are `REDSC_`, the command, the flag: `REDSC_COMPILE_RAM`. The hint names the nearest.",
    ),
}
