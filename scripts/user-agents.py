#!/usr/bin/env python3
"""Writes the patterns of the package ua-parser-builtins as the JSON that the gateway reads.

    user-agents.py ua_parser_builtins-202610-py3-none-any.whl > user-agents.json

The package has them as calls of three constructors, which are given here as functions that return
the members of the JSON.
"""

import json
import sys
import types
import zipfile


def parser(*names):
    def make(*arguments, **named):
        said = dict(zip(names, arguments))
        said.update(named)
        return {name: value for name, value in said.items() if value is not None}

    return make


def main(wheel):
    user_agents = types.ModuleType("ua_parser.user_agent_parser")
    user_agents.UserAgentParser = parser(
        "regex",
        "family_replacement",
        "v1_replacement",
        "v2_replacement",
        "v3_replacement",
        "v4_replacement",
    )
    user_agents.OSParser = parser(
        "regex",
        "os_replacement",
        "os_v1_replacement",
        "os_v2_replacement",
        "os_v3_replacement",
        "os_v4_replacement",
    )
    user_agents.DeviceParser = parser(
        "regex",
        "regex_flag",
        "device_replacement",
        "brand_replacement",
        "model_replacement",
    )
    sys.modules["ua_parser"] = types.ModuleType("ua_parser")
    sys.modules["ua_parser.user_agent_parser"] = user_agents
    source = zipfile.ZipFile(wheel).read("ua_parser_builtins/regexes.py")
    lists = {}
    exec(compile(source, "regexes.py", "exec"), lists)
    json.dump(
        {
            "user_agent_parsers": lists["USER_AGENT_PARSERS"],
            "os_parsers": lists["OS_PARSERS"],
            "device_parsers": lists["DEVICE_PARSERS"],
        },
        sys.stdout,
        ensure_ascii=False,
    )


if __name__ == "__main__":
    main(sys.argv[1])
