"""Instructions of a Dockerfile, or JSON, say how a root file system is to be run."""

from __future__ import annotations

import json

import pytest

from ecirun.errors import UsageError
from ecirun.image.run_config import config_from


@pytest.mark.parametrize(
    ("instructions", "config"),
    [
        (["USER 1000:1000"], {"User": "1000:1000"}),
        (["user app", "WORKDIR /srv"], {"User": "app", "WorkingDir": "/srv"}),
        (["ENV A=b", "ENV C='d e' F=g"], {"Env": ["A=b", "C=d e", "F=g"]}),
        (["ENV A b c"], {"Env": ["A=b c"]}),
        (['ENTRYPOINT ["/init", "-v"]'], {"Entrypoint": ["/init", "-v"]}),
        (["CMD echo $HOME"], {"Cmd": ["/bin/sh", "-c", "echo $HOME"]}),
        (["VOLUME /a /b", 'VOLUME ["/c d"]'], {"Volumes": {"/a": {}, "/b": {}, "/c d": {}}}),
        (["STOPSIGNAL SIGQUIT", "LABEL a=b"], {"StopSignal": "SIGQUIT", "Labels": {"a": "b"}}),
        (['{"User": "1"}', "USER 2"], {"User": "2"}),
        (['{"config": {"User": "1"}, "os": "linux"}'], {"User": "1"}),
    ],
)
def test_instructions_make_a_config(instructions, config):
    assert config_from(instructions) == config


def test_a_file_with_a_config_is_read(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"config": {"Cmd": ["sh"]}}))
    assert config_from([str(tmp_path / "config.json")]) == {"Cmd": ["sh"]}


@pytest.mark.parametrize(
    ("instruction", "message"),
    [
        (
            "RUN make",
            'Can\'t use the image config "RUN make": neither an instruction (USER, ENV, ENTRYPOINT, CMD, WORKDIR, STOPSIGNAL, '
            "VOLUME, LABEL) nor JSON nor a file",
        ),
        ("ENV A", "Can't read ENV A: a word has no ="),
        ("ENV A='b", "Can't read ENV A='b: no closing quotation"),
        ('CMD ["sh"', 'Can\'t read ["sh" as a list of words'),
        ("CMD [1]", "Can't read [1] as a list of words"),
        ("{", "Can't read the image config {: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('{"config": 1}', 'Can\'t use the image config {"config": 1}: it is no JSON object'),
        ('{"User": 1}', "Can't use the image config: its config has a config.User that is no string"),
    ],
)
def test_what_is_no_config_is_refused(instruction, message):
    with pytest.raises(UsageError) as caught:
        config_from([instruction])
    assert caught.value.message == message
