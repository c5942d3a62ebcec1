"""argv, environment and working directory."""

from __future__ import annotations

import pytest
from planned import container_of, image

from ecirun.errors import ImageBroken, LaunchFailed
from ecirun.plan.command import DEFAULT_PATH, expand

E, C = ("/entry", "e"), ("cmd", "c")


@pytest.mark.parametrize(
    ("entrypoint", "cmd", "spec", "argv", "origin"),
    [
        (E, C, "", (*E, *C), "image ENTRYPOINT and CMD"),
        (E, C, "args: [a]", (*E, "a"), "image ENTRYPOINT and spec args"),
        (E, C, "command: [x]", ("x",), "spec command"),
        (E, C, "command: [x]\nargs: [a]", ("x", "a"), "spec command and args"),
        (E, C, "command: []\nargs: [a]", (*E, "a"), "image ENTRYPOINT and spec args"),
        (E, C, "command: []\nargs: []", (*E, *C), "image ENTRYPOINT and CMD"),
        (E, C, "command: [x]\nargs: []", ("x",), "spec command"),
        (E, (), "", E, "image ENTRYPOINT"),
        ((), C, "", C, "image CMD"),
        ((), C, "args: [a]", ("a",), "spec args"),
        (("",), C, "", C, "image CMD"),
        (("",), C, "args: [a]", ("a",), "spec args"),
        ((), (), "args: [a]", ("a",), "spec args"),
        ((), (), "command: [x]", ("x",), "spec command"),
        (E, C, "command: ['']", ("",), "spec command"),
    ],
)
def test_command_and_args_over_the_image(entrypoint, cmd, spec, argv, origin):
    plan = container_of(container=spec, image=image(entrypoint=entrypoint, cmd=cmd))
    assert (plan.command.argv, plan.command.origin) == (argv, origin)


@pytest.mark.parametrize("entrypoint", [(), ("",)])
def test_nothing_to_run(entrypoint):
    with pytest.raises(ImageBroken) as caught:
        container_of(image=image(entrypoint=entrypoint, cmd=()))
    assert caught.value.message == 'Can\'t start container "main": no command specified'
    assert caught.value.hint == "set command in the spec, or give one after --"


def test_the_command_line_replaces_everything_as_it_is():
    plan = container_of(
        container="command: [x]\nargs: [a]\nenv: [{name: A, value: v}]", command=("$(A)", "", "\n"), image=image(cmd=())
    )
    assert (plan.command.argv, plan.command.origin) == (("$(A)", "", "\n"), "command line")


# Kubernetes third_party/forked/golang/expansion/expand_test.go
@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(VAR_A)", "A"),
        ("___$(VAR_B)___", "___B___"),
        ("$(VAR_A)_and_$(VAR_B)", "A_and_B"),
        ("$$(VAR_A)_$(VAR_B)", "$(VAR_A)_B"),
        ("$$$$$$(BLAH)", "$$$(BLAH)"),
        ("$$$$$(VAR_A)", "$$A"),
        ("$VAR_A", "$VAR_A"),
        ("VAR_A", "VAR_A"),
        ("$(VAR_DNE)", "$(VAR_DNE)"),
        ("$(VAR_EMPTY)x", "x"),
        ("$(VAR_A", "$(VAR_A"),
        ("$(VAR_A$(VAR_B)", "$(VAR_A$(VAR_B)"),
        ("$()", "$()"),
        ("$", "$"),
        ("$$", "$"),
        ("f00-$", "f00-$"),
        ("$\\(VAR_A)", "$\\(VAR_A)"),
        ("\\$(VAR_A)", "\\A"),
        ("$(VAR_REF)", "$(VAR_A)"),
        ("$($(VAR_A))", "$($(VAR_A))"),
        ("$( VAR_A)", "$( VAR_A)"),
        ("\n$(VAR_A)\n", "\nA\n"),
    ],
)
def test_the_grammar_of_variables(text, expanded):
    assert expand(text, {"VAR_A": "A", "VAR_B": "B", "VAR_EMPTY": "", "VAR_REF": "$(VAR_A)"}) == expanded


@pytest.mark.parametrize(
    ("own", "of_image", "expected"),
    [
        ("", (), {"PATH": DEFAULT_PATH, "HOSTNAME": "test", "HOME": "/root"}),
        ("", ("PATH=/bin", "A=1=2"), {"PATH": "/bin", "HOSTNAME": "test", "A": "1=2", "HOME": "/root"}),
        ("", ("PATH",), {"HOSTNAME": "test", "HOME": "/root"}),
        ("", ("HOSTNAME=x", "HOME=/h"), {"PATH": DEFAULT_PATH, "HOSTNAME": "x", "HOME": "/h"}),
        ("{name: A, value: p}", ("A=i",), {"PATH": DEFAULT_PATH, "HOSTNAME": "test", "A": "p", "HOME": "/root"}),
        ("{name: HOME, value: ''}", ("HOME=/h",), {"PATH": DEFAULT_PATH, "HOSTNAME": "test", "HOME": "/root"}),
        ("{name: A}", (), {"PATH": DEFAULT_PATH, "HOSTNAME": "test", "A": "", "HOME": "/root"}),
        ("{name: PATH, value: $(PATH)}", (), {"PATH": "$(PATH)", "HOSTNAME": "test", "HOME": "/root"}),
    ],
)
def test_the_environment(own, of_image, expected):
    assert container_of(container=f"env: [{own}]", image=image(env=of_image)).command.env == expected


def test_a_terminal_brings_term_unless_the_image_or_the_pod_set_it():
    assert container_of(terminal=True).command.env["TERM"] == "xterm"
    assert container_of(container="tty: true").command.env["TERM"] == "xterm"
    assert container_of(terminal=True, image=image(env=("TERM=vt100",))).command.env["TERM"] == "vt100"
    assert "TERM" not in container_of().command.env


@pytest.mark.parametrize(("spec", "options"), [("tty: true", {}), ("", {"terminal": True})])
def test_the_spec_or_the_command_line_ask_for_a_terminal(spec, options):
    assert container_of(container=spec, **options).command.terminal
    assert not container_of().command.terminal


@pytest.mark.parametrize(
    ("spec", "of_image", "cwd", "made"),
    [
        ("", "", "/", ()),
        ("", "/tmp", "/tmp", ()),
        ("/etc", "/tmp", "/etc", ()),
        ("''", "/tmp", "/tmp", ()),
        ("/", "/tmp", "/", ()),
        ("//etc/./", "", "/etc", ()),
        ("/etc/../tmp", "", "/etc/../tmp", ("/etc/../tmp",)),
        ("/new/deep", "", "/new/deep", ("/new/deep",)),
        ("", "/app/", "/app", ("/app",)),
        ("/dev/shm/x", "", "/dev/shm/x", ()),
    ],
)
def test_the_working_directory(spec, of_image, cwd, made):
    plan = container_of(container=f"workingDir: {spec}" if spec else "", image=image(working_dir=of_image))
    assert (plan.command.cwd, plan.root.create) == (cwd, made)


@pytest.mark.parametrize(
    ("spec", "of_image", "message"),
    [
        ("tmp", "", "Can't start in tmp: workingDir is not an absolute path"),
        ("./tmp", "/x", "Can't start in ./tmp: workingDir is not an absolute path"),
        ("", "app", "Can't start in app: the image's WORKDIR is not an absolute path"),
    ],
)
def test_a_relative_working_directory(spec, of_image, message):
    with pytest.raises(LaunchFailed) as caught:
        container_of(container=f"workingDir: {spec}" if spec else "", image=image(working_dir=of_image))
    assert (caught.value.message, caught.value.hint) == (message, "begin workingDir with /")


@pytest.mark.parametrize("spec", ['command: ["a\\0b"]', 'args: ["a\\0b"]', 'env: [{name: A, value: "a\\0b"}]'])
def test_a_nul_ends_a_string(spec):
    with pytest.raises(LaunchFailed) as caught:
        container_of(container=spec)
    assert caught.value.message.endswith("a\\x00b': it has a NUL, which ends a string")
    assert caught.value.hint == "remove the NUL"
