"""The command `jobimport`, one file a noun.

    main        the parser, the exit codes, and what becomes of an error
    flags       what every verb takes: --config, --redis, --mongo, --json, --debug
    reach       the settings in force, and the two servers
    show        JSON lines and aligned tables; what feeds say is made inert here
    stack       demo, up        worker, scheduler    the processes
    imports     import          preview              the main job, and its dry run
    runs, jobs, queues, failed, sources, workers     one noun each
    doctor, metrics, config     is it set up as it should be

A verb imports what it needs when it runs: `jobimport --help` loads argparse and nothing of ours beside this folder.
"""
