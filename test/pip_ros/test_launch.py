"""Contract of launch, launch_ros and `ros2 launch`: passes with upstream's packages as well.

    pytest --import-mode=importlib test/pip_ros/test_launch.py

asks whichever implementation is installed.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import sysconfig
import textwrap
import time
from pathlib import Path

import pytest
import yaml

launch = pytest.importorskip("launch", reason="no ROS launch in this environment")
pytest.importorskip("launch.logging")
pytest.importorskip("launch_ros")

from launch import LaunchContext, LaunchDescription, LaunchService  # noqa: E402
from launch.actions import (  # noqa: E402
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    GroupAction,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
    Shutdown,
    TimerAction,
)
from launch.conditions import IfCondition, UnlessCondition  # noqa: E402
from launch.event_handlers import OnProcessExit, OnProcessStart, OnShutdown  # noqa: E402
from launch.events import matches_action  # noqa: E402
from launch.events.process import ShutdownProcess, SignalProcess  # noqa: E402
from launch.launch_description_sources import PythonLaunchDescriptionSource  # noqa: E402
from launch.substitutions import (  # noqa: E402
    EnvironmentVariable,
    FindExecutable,
    LaunchConfiguration,
    PathJoinSubstitution,
    PythonExpression,
    SubstitutionFailure,
    TextSubstitution,
)
from launch_ros.actions import Node, PushRosNamespace, SetParameter, SetRemap  # noqa: E402
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue  # noqa: E402
from launch_ros.substitutions import FindPackagePrefix, FindPackageShare  # noqa: E402

SAY_ARGUMENTS = "import json, sys; print(json.dumps(sys.argv[1:]), flush=True)"


@pytest.fixture(autouse=True)
def log_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "log"))
    monkeypatch.delenv("OVERRIDE_LAUNCH_PROCESS_OUTPUT", raising=False)
    launch.logging.reset()


def run(*entities, **arguments):
    """Launch the entities; returns the exit code and the context afterwards."""
    service = LaunchService(noninteractive=True, **arguments)
    service.include_launch_description(LaunchDescription(list(entities)))
    return service.run(), service.context


def record(into, *substitutions):
    """An action that appends the texts of substitutions to a list."""

    def note(context):
        into.append("".join(context.perform_substitution(one) for one in substitutions))

    return OpaqueFunction(function=note)


def python(code, *arguments, **kwargs):
    """A process that runs Python code."""
    return ExecuteProcess(cmd=[sys.executable, "-c", textwrap.dedent(code), *arguments], **kwargs)


# substitutions ------------------------------------------------------------------------------


def perform(substitution, **configurations):
    context = LaunchContext()
    context.launch_configurations.update(configurations)
    return context.perform_substitution(substitution)


def test_launch_configuration_has_value_default_or_fails():
    assert perform(LaunchConfiguration("a"), a="1") == "1"
    assert perform(LaunchConfiguration("a", default="2")) == "2"
    assert perform(LaunchConfiguration("a", default=3)) == "3"
    assert perform(LaunchConfiguration(["a", TextSubstitution(text="b")]), ab="4") == "4"
    with pytest.raises(SubstitutionFailure, match="'a' does not exist"):
        perform(LaunchConfiguration("a"))


def test_environment_variable(monkeypatch):
    monkeypatch.setenv("SEMLOC_TEST", "x")
    assert perform(EnvironmentVariable("SEMLOC_TEST")) == "x"
    monkeypatch.delenv("SEMLOC_TEST")
    assert perform(EnvironmentVariable("SEMLOC_TEST", default_value="y")) == "y"
    with pytest.raises(SubstitutionFailure, match="SEMLOC_TEST"):
        perform(EnvironmentVariable("SEMLOC_TEST"))


def test_path_join_and_python_expression():
    joined = PathJoinSubstitution(["/a", LaunchConfiguration("b"), "c"])
    assert perform(joined, b="B") == "/a/B/c"
    assert perform(PythonExpression(["2 * ", LaunchConfiguration("n")]), n="21") == "42"
    assert perform(PythonExpression(["floor(2.7)"])) == "2"
    quoted = PythonExpression(["'", LaunchConfiguration("mode"), "' == 'fast'"])
    assert perform(quoted, mode="fast") == "True"


def test_find_executable_and_packages(ros_package):
    assert os.path.basename(perform(FindExecutable(name="sh"))) == "sh"
    assert perform(FindPackagePrefix("semloc_contract")) == str(ros_package)
    share = str(ros_package / "share" / "semloc_contract")
    assert perform(FindPackageShare("semloc_contract")) == share
    with pytest.raises(LookupError, match="no_such_package"):
        perform(FindPackageShare("no_such_package"))


def test_describe_says_where_a_text_comes_from():
    assert TextSubstitution(text="a").describe() == "'a'"
    assert LaunchConfiguration("a").describe() == "LaunchConfig('a')"
    assert EnvironmentVariable("HOME").describe() == "EnvVar('HOME')"


# arguments, conditions, scopes --------------------------------------------------------------


def test_argument_takes_default_and_keeps_a_given_value():
    heard = []
    declared = DeclareLaunchArgument("a", default_value="1")
    description = [declared, record(heard, LaunchConfiguration("a"))]
    assert run(*description)[0] == 0
    assert run(SetLaunchConfiguration("a", "2"), *description)[0] == 0
    assert heard == ["1", "2"]


def test_required_argument_is_required(capfd):
    assert run(DeclareLaunchArgument("needed"))[0] == 1
    assert 'Required launch argument "needed" was not provided.' in capfd.readouterr().out


def test_choices_are_checked(capfd):
    declared = DeclareLaunchArgument("a", default_value="x", choices=["x", "y"])
    assert declared.description == "One of: ['x', 'y']"
    assert run(SetLaunchConfiguration("a", "z"), declared)[0] == 1
    assert "Valid options are: ['x', 'y']" in capfd.readouterr().out
    with pytest.raises(RuntimeError, match="not in provided choices"):
        DeclareLaunchArgument("a", default_value="z", choices=["x", "y"])
    described = DeclareLaunchArgument("a", description="Which one", choices=["x"])
    assert described.description == "Which one. Valid choices are: ['x']"


def test_conditions():
    heard = []
    given = SetLaunchConfiguration("flag", "True")
    for condition in (IfCondition, UnlessCondition):
        for text in (LaunchConfiguration("flag"), "0", "1", " FALSE "):
            note = LogInfo(msg="", condition=condition(text))
            heard.append(note.condition.evaluate(_context(flag="True")))
    assert run(given)[0] == 0
    assert heard == [True, False, True, False, False, True, False, True]
    with pytest.raises(Exception, match="maybe"):
        IfCondition("maybe").evaluate(LaunchContext())


def _context(**configurations):
    context = LaunchContext()
    context.launch_configurations.update(configurations)
    return context


def test_group_keeps_its_arguments_and_environment_inside(monkeypatch):
    monkeypatch.setenv("SEMLOC_TEST", "out")
    heard = []
    look = (LaunchConfiguration("a"), EnvironmentVariable("SEMLOC_TEST"))
    inside = [SetEnvironmentVariable("SEMLOC_TEST", "in"), record(heard, *look)]
    code, _ = run(
        SetLaunchConfiguration("a", "1"),
        GroupAction(inside, launch_configurations={"a": "2"}),
        record(heard, *look),
        GroupAction([SetLaunchConfiguration("a", "3")], scoped=False),
        record(heard, *look),
    )
    assert (code, heard) == (0, ["2in", "1out", "3out"])


# included files -----------------------------------------------------------------------------

INNER = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, LogInfo
from launch.substitutions import LaunchConfiguration, ThisLaunchFileDir
def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument("word", description="what is said"),
        DeclareLaunchArgument("mark", default_value="!"),
        LogInfo(
            msg=[LaunchConfiguration("word"), LaunchConfiguration("mark"), ThisLaunchFileDir()]
        ),
    ])
"""


@pytest.fixture
def inner(tmp_path):
    path = tmp_path / "inner.launch.py"
    path.write_text(INNER)
    return path


def test_included_file_gets_arguments_and_knows_its_folder(inner, capfd):
    source = PythonLaunchDescriptionSource(str(inner))
    included = IncludeLaunchDescription(source, launch_arguments={"word": "hello"}.items())
    assert run(included)[0] == 0
    assert f"hello!{inner.parent}" in capfd.readouterr().out


def test_included_file_misses_an_argument(inner, capfd):
    source = PythonLaunchDescriptionSource([str(inner.parent), "/inner.launch.py"])
    assert run(IncludeLaunchDescription(source))[0] == 1
    expected = "missing required argument 'word' (description: 'what is said')"
    assert expected in capfd.readouterr().out


def test_arguments_of_a_description_are_found_without_launching(inner):
    source = PythonLaunchDescriptionSource(str(inner))
    description = LaunchDescription(
        [
            DeclareLaunchArgument("a", default_value="1"),
            DeclareLaunchArgument("a", default_value="2"),
            GroupAction([DeclareLaunchArgument("b")], condition=IfCondition("1")),
            IncludeLaunchDescription(source),
        ]
    )
    found = description.get_launch_arguments()
    assert [one.name for one in found] == ["a", "b", "word", "mark"]
    assert [one._conditionally_included for one in found] == [False, True, False, False]


def test_error_in_a_launch_function_stops_the_processes(capfd):
    def fail(context):
        raise ValueError("no such thing")

    started = time.monotonic()
    code, _ = run(
        ExecuteProcess(cmd=["sleep", "60"]),
        TimerAction(period=0.3, actions=[OpaqueFunction(function=fail)]),
    )
    assert code == 1
    assert time.monotonic() - started < 10
    assert "Caught exception in launch" in capfd.readouterr().out


# processes and events -----------------------------------------------------------------------


def test_output_is_prefixed_and_sorted_by_destination(capfd):
    code = "import sys; print('to out', flush=True); print('to err', file=sys.stderr)"
    assert run(python(code, name="both", output="screen"))[0] == 0
    shown = capfd.readouterr().out
    assert re.search(r"^\[both-\d+\] to out$", shown, re.M)
    assert re.search(r"^\[both-\d+\] to err$", shown, re.M)
    assert re.search(r"^\[INFO\] \[both-\d+\]: process started with pid \[\d+\]$", shown, re.M)
    assert re.search(r"^\[INFO\] \[both-\d+\]: process has finished cleanly", shown, re.M)
    assert run(python(code, output="log"))[0] == 0
    shown = capfd.readouterr().out
    assert "to err" in shown and "to out" not in shown


def test_long_lines_and_a_last_line_without_end_come_whole(capfd):
    code = "import sys; sys.stdout.write('x' * 200000 + chr(10) + 'rest')"
    assert run(python(code, output="screen"))[0] == 0
    lines = [line.split("] ", 1)[1] for line in capfd.readouterr().out.splitlines()]
    assert "x" * 200000 in lines and "rest" in lines


@pytest.mark.parametrize("terminal", [True, False])
def test_emulated_terminal(terminal, capfd):
    code = "import sys; print('terminal:', sys.stdout.isatty())"
    assert run(python(code, output="screen", emulate_tty=terminal))[0] == 0
    assert f"terminal: {terminal}" in capfd.readouterr().out


def test_process_gets_directory_and_environment(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("SEMLOC_TEST", "inherited")
    code = "import os; print(os.getcwd(), os.environ.get('SEMLOC_TEST'), os.environ.get('MORE'))"
    more = {"MORE": ["a", TextSubstitution(text="b")]}
    assert run(python(code, cwd=str(tmp_path), additional_env=more, output="screen"))[0] == 0
    assert f"{tmp_path} inherited ab" in capfd.readouterr().out


def test_shell(capfd):
    assert run(ExecuteProcess(cmd=["echo one && echo two"], shell=True, output="screen"))[0] == 0
    assert "two" in capfd.readouterr().out


def test_missing_program_is_said_and_does_not_hang(capfd):
    run(ExecuteProcess(cmd=["/no/such/program"]))
    assert "exception occurred while executing process" in capfd.readouterr().out


def test_death_of_a_process_is_said_but_is_no_error_of_the_launch(capfd):
    ended = []
    handler = OnProcessExit(on_exit=lambda event, context: ended.append(event.returncode))
    code, _ = run(RegisterEventHandler(handler), python("raise SystemExit(3)"))
    assert (code, ended) == (0, [3])
    assert re.search(r"process has died \[pid \d+, exit code 3", capfd.readouterr().out)


def test_start_and_exit_handlers_of_one_process_return_actions():
    heard = []
    first, second = python("pass"), python("pass")
    start, end = (record(heard, TextSubstitution(text=word)) for word in ("start", "exit"))
    handlers = [
        OnProcessStart(target_action=first, on_start=[start]),
        OnProcessExit(target_action=first, on_exit=[second, end]),
        OnProcessExit(target_action=second, on_exit=lambda *_: heard.append("second")),
    ]
    run(*map(RegisterEventHandler, handlers), first)
    assert heard == ["start", "exit", "second"]
    assert (first.return_code, second.return_code) == (0, 0)


def test_on_exit_shutdown_ends_the_others():
    reasons = []
    handler = OnShutdown(on_shutdown=lambda event, context: reasons.append(event.reason))
    started = time.monotonic()
    code, _ = run(
        RegisterEventHandler(handler),
        ExecuteProcess(cmd=["sleep", "60"]),
        ExecuteProcess(cmd=["sleep", "0.3"], on_exit=Shutdown(reason="done")),
    )
    assert (code, reasons) == (0, ["done"])
    assert time.monotonic() - started < 10


def test_idle_service_shuts_down():
    reasons = []
    handler = OnShutdown(on_shutdown=lambda event, context: reasons.append(event.reason))
    run(RegisterEventHandler(handler), python("pass"))
    assert reasons == ["idle"]


STUBBORN = """
    import pathlib, signal, sys, time
    signal.signal(signal.SIGINT, lambda *_: print("got SIGINT", flush=True))
    pathlib.Path(sys.argv[1]).touch()
    while True:
        time.sleep(0.1)
"""


def shut_down_once_there(path):
    """Ends the launch as soon as a file exists."""
    wait = f"until [ -e {shlex.quote(str(path))} ]; do sleep 0.05; done"
    return ExecuteProcess(cmd=["sh", "-c", wait], on_exit=Shutdown())


def test_stop_escalates_from_sigint_to_sigterm(tmp_path, capfd):
    ready = tmp_path / "ready"
    timeouts = {"sigterm_timeout": "1", "sigkill_timeout": "5"}
    stubborn = python(STUBBORN, str(ready), output="screen", **timeouts)
    code, _ = run(stubborn, shut_down_once_there(ready))
    shown = capfd.readouterr().out
    assert code == 0
    assert shown.count("] got SIGINT") == 1
    assert "escalating to 'SIGTERM'" in shown and "SIGKILL" not in shown
    assert stubborn.return_code == -signal.SIGTERM


def test_stop_escalates_to_sigkill(tmp_path, capfd):
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal("
    code = STUBBORN.replace("signal.signal(", deaf, 1)
    ready = tmp_path / "ready"
    timeouts = {"sigterm_timeout": "0.5", "sigkill_timeout": "0.5"}
    stubborn = python(code, str(ready), output="screen", **timeouts)
    run(stubborn, shut_down_once_there(ready))
    assert "escalating to 'SIGKILL'" in capfd.readouterr().out
    assert stubborn.return_code == -signal.SIGKILL


def test_signal_and_shutdown_events_reach_their_process_only():
    first, second = ExecuteProcess(cmd=["sleep", "60"]), ExecuteProcess(cmd=["sleep", "60"])
    terminate = SignalProcess(signal_number=signal.SIGTERM, process_matcher=matches_action(first))
    stop = ShutdownProcess(process_matcher=matches_action(second))
    run(
        first,
        second,
        TimerAction(period=0.3, actions=[EmitEvent(event=terminate), EmitEvent(event=stop)]),
    )
    assert first.return_code == -signal.SIGTERM
    assert second.return_code == -signal.SIGINT


def test_respawn_starts_a_process_again(tmp_path):
    count = tmp_path / "count"
    again = ExecuteProcess(
        cmd=["sh", "-c", f"echo x >> {shlex.quote(str(count))}"], respawn=True, respawn_delay=0.1
    )
    run(again, TimerAction(period=1.0, actions=[Shutdown()]))
    assert count.read_text().count("x") >= 3


def test_timer_waits_and_does_not_hold_up_a_shutdown():
    heard = []
    note = record(heard, TextSubstitution(text="late"))
    started = time.monotonic()
    run(TimerAction(period=0.4, actions=[note]))
    assert 0.4 <= time.monotonic() - started < 5
    assert heard == ["late"]
    run(TimerAction(period=60.0, actions=[note]), TimerAction(period=0.1, actions=[Shutdown()]))
    assert time.monotonic() - started < 10


# nodes --------------------------------------------------------------------------------------


@pytest.fixture
def ros_package(tmp_path, monkeypatch):
    """A ROS package with one executable that prints its arguments as JSON."""
    prefix = tmp_path / "prefix"
    for folder in ("share/ament_index/resource_index/packages", "share/semloc_contract/launch"):
        (prefix / folder).mkdir(parents=True)
    (prefix / "share/ament_index/resource_index/packages/semloc_contract").touch()
    program = prefix / "lib" / "semloc_contract" / "say"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!{sys.executable}\n{SAY_ARGUMENTS}\n")
    program.chmod(0o755)
    known = os.environ.get("AMENT_PREFIX_PATH")
    joined = os.pathsep.join([str(prefix), *([known] if known else [])])
    monkeypatch.setenv("AMENT_PREFIX_PATH", joined)
    return prefix


@pytest.fixture
def arguments_of(ros_package, capfd):
    """Launches entities with one node; returns the arguments that the node got."""

    def launched(*entities):
        assert run(*entities)[0] == 0
        shown = capfd.readouterr().out
        return yaml.safe_load(re.search(r"^\[say-\d+\] (\[.*\])$", shown, re.M).group(1))

    return launched


def say(**kwargs):
    return Node(package="semloc_contract", executable="say", output="screen", **kwargs)


def after(flag, arguments):
    """The words that follow a flag."""
    return [arguments[i + 1] for i, word in enumerate(arguments) if word == flag]


def test_node_name_namespace_remappings_and_arguments(arguments_of):
    given = arguments_of(
        SetLaunchConfiguration("image", "/cam/image"),
        say(
            name="n",
            namespace="robot",
            arguments=["--plain", "x"],
            ros_arguments=["--log-level", "debug"],
            remappings=[("image", LaunchConfiguration("image")), ("~/a", "b")],
        ),
    )
    assert given[:2] == ["--plain", "x"]
    assert given[2:5] == ["--ros-args", "--log-level", "debug"]
    renamed = ["__node:=n", "__ns:=/robot", "image:=/cam/image", "~/a:=b"]
    assert after("-r", given) == renamed


def test_node_without_a_name_keeps_its_own(arguments_of):
    assert after("-r", arguments_of(say())) == []


def parameters_of(given):
    """The parameter files of a command line, in order, read while they exist."""
    return after("--params-file", given)


def test_parameters_keep_their_types(arguments_of, ros_package):
    program = ros_package / "lib" / "semloc_contract" / "say"
    program.write_text(
        f"#!{sys.executable}\nimport json, sys, yaml\n"
        "files = [b for a, b in zip(sys.argv, sys.argv[1:]) if a == '--params-file']\n"
        "print(json.dumps([yaml.full_load(open(file)) for file in files]), flush=True)\n"
    )
    file = ros_package / "p.yaml"
    file.write_text("/**: {ros__parameters: {a: 1}}\n")
    found = arguments_of(
        SetLaunchConfiguration("number", "2.5"),
        SetLaunchConfiguration("yes", "true"),
        SetLaunchConfiguration("digits", "007"),
        say(
            name="n",
            namespace="",
            parameters=[
                str(file),
                ParameterFile(file),
                {
                    "text": "12",
                    "flag": True,
                    "whole": 3,
                    "list": [1, 2],
                    "mixed": [1, 2.5],
                    "texts": ["a", "b"],
                    "nested": {"deep": {"x": 1.5}},
                    "number": LaunchConfiguration("number"),
                    "yes": LaunchConfiguration("yes"),
                    "joined": [LaunchConfiguration("digits"), "x"],
                    "digits": ParameterValue(LaunchConfiguration("digits"), value_type=str),
                },
            ],
        ),
    )
    assert found[0] == found[1] == {"/**": {"ros__parameters": {"a": 1}}}
    assert found[2] == {
        "/n": {
            "ros__parameters": {
                "text": "12",
                "flag": True,
                "whole": 3,
                "list": [1, 2],
                "mixed": [1.0, 2.5],
                "texts": ["a", "b"],
                "nested.deep.x": 1.5,
                "number": 2.5,
                "yes": True,
                "joined": "007x",
                "digits": "007",
            }
        }
    }


def test_missing_parameter_file_is_said(arguments_of, capfd):
    assert parameters_of(arguments_of(say(parameters=["/no/such.yaml"]))) == []


def test_groups_give_nodes_namespace_parameters_and_remappings(arguments_of):
    given = arguments_of(
        GroupAction(
            [
                PushRosNamespace("fleet"),
                PushRosNamespace("one"),
                SetParameter("use_sim_time", True),
                SetRemap("image", "/cam"),
                say(name="n", remappings=[("b", "c")]),
            ]
        ),
    )
    assert after("-r", given) == ["__node:=n", "__ns:=/fleet/one", "image:=/cam", "b:=c"]
    assert after("-p", given) == ["use_sim_time:=True"]


def test_group_settings_end_with_the_group(arguments_of):
    group = GroupAction([PushRosNamespace("fleet"), SetParameter("use_sim_time", True)])
    given = arguments_of(group, say(name="n"))
    assert after("-r", given) == ["__node:=n"]
    assert after("-p", given) == []


def test_missing_executable_and_package_are_said(ros_package, capfd):
    assert run(Node(package="semloc_contract", executable="no_such"))[0] == 1
    assert "executable 'no_such' not found" in capfd.readouterr().out
    assert run(Node(package="no_such_package", executable="x"))[0] == 1
    assert "no_such_package" in capfd.readouterr().out


# the command line ---------------------------------------------------------------------------


@pytest.fixture
def ros2(ros_package, inner):
    """Starts `ros2 …`; the contract package has the launch file inner.launch.py."""
    (ros_package / "share/semloc_contract/launch/inner.launch.py").write_text(INNER)
    program = Path(sysconfig.get_path("scripts"), "ros2")
    if not program.exists():
        pytest.skip("no ros2 command in this environment")

    def start(*words, **kwargs):
        return subprocess.Popen(
            [str(program), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, **kwargs,
        )

    return start


def outcome(process):
    shown, _ = process.communicate(timeout=30)
    return process.returncode, shown


def test_ros2_launch_of_a_package_and_of_a_file(ros2, inner):
    words = ("semloc_contract", "inner.launch.py", "word:=a", "word:=b")
    code, shown = outcome(ros2("launch", *words))
    assert code == 0 and "b!" in shown
    code, shown = outcome(ros2("launch", str(inner), "word:=c", "mark:=?", "unknown:=ignored"))
    assert code == 0 and "c?" in shown


def test_ros2_launch_show_args(ros2, inner):
    code, shown = outcome(ros2("launch", str(inner), "--show-args"))
    assert code == 0
    assert shown == (
        "Arguments (pass arguments as '<name>:=<value>'):\n"
        "\n    'word':\n        what is said\n"
        "\n    'mark':\n        no description given\n        (default: '!')\n"
    )


def test_a_reader_that_has_enough_is_no_fault(ros2, inner):
    """As `ros2 launch … -s | head`; upstream's command may show a traceback."""
    cli = pytest.importorskip("ros2cli.cli")
    if not hasattr(cli, "COMMANDS"):
        pytest.skip("upstream's ros2")
    reader, writer = os.pipe()
    os.close(reader)
    program = [sys.executable, "-m", "ros2cli.cli", "launch", str(inner), "--show-args"]
    done = subprocess.run(program, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["no_such_package", "x.launch.py"], "Package 'no_such_package' not found"),
        (["semloc_contract", "no.launch.py"], "file 'no.launch.py' was not found"),
        (["semloc_contract", "inner.launch.py", "word=a"], "malformed launch argument 'word=a'"),
        (["semloc_contract", "inner.launch.py"], "missing required argument 'word'"),
    ],
)
def test_ros2_launch_says_what_is_wrong(ros2, words, line):
    code, shown = outcome(ros2("launch", *words))
    assert code == 1
    assert line in shown and "Traceback" not in shown


LONG = """
from launch import LaunchDescription
from launch.actions import ExecuteProcess
CODE = '''
import signal, sys, time
def stop(*_):
    print("stopping", flush=True)
    sys.exit(0)
signal.signal(signal.SIGINT, stop)
print("ready", flush=True)
time.sleep(60)
'''
def generate_launch_description():
    return LaunchDescription([
        ExecuteProcess(cmd=["PYTHON", "-c", CODE], name=name, output="screen")
        for name in ("one", "two")
    ])
"""


def test_ctrl_c_stops_all_processes_once_and_cleanly(ros2, tmp_path):
    path = tmp_path / "long.launch.py"
    path.write_text(LONG.replace("PYTHON", sys.executable))
    process = ros2("launch", str(path))
    lines = []
    while sum("ready" in line for line in lines) < 2:
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
    process.send_signal(signal.SIGINT)
    code, shown = outcome(process)
    assert code == 0
    assert "user interrupted with ctrl-c (SIGINT)" in shown
    assert len(re.findall(r"^\[(?:one|two)-\d\] stopping$", shown, re.M)) == 2
    assert shown.count("process has finished cleanly") == 2


def test_ros2_run_and_pkg(ros2, ros_package):
    assert outcome(ros2("pkg", "prefix", "semloc_contract")) == (0, f"{ros_package}\n")
    assert outcome(ros2("pkg", "executables", "semloc_contract")) == (0, "semloc_contract say\n")
    code, shown = outcome(ros2("run", "semloc_contract", "say", "a", "--ros-args", "-p", "b:=1"))
    assert (code, shown) == (0, '["a", "--ros-args", "-p", "b:=1"]\n')
    code, shown = outcome(ros2("run", "semloc_contract", "no_such"))
    assert code == 1 and "No executable found" in shown
