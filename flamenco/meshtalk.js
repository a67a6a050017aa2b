// SPDX-License-Identifier: GPL-3.0-or-later
// A job type for Flamenco (https://flamenco.blender.org): put this file into the folder `scripts` beside the
// Manager. It runs `blender -b FILE --command meshtalk …` on a worker, one task for each take.

const JOB_TYPE = {
    label: "MeshTalk",
    description: "Let heads speak: generate, dub or retarget, and write the result into new .blend files.",
    settings: [
        { key: "job", type: "string", required: true, default: "generate",
          choices: ["generate", "dub", "retarget"], description: "What MeshTalk does" },
        { key: "heads", type: "string",
          eval: "'; '.join(o.name for o in C.selected_objects if o.type == 'MESH')",
          evalInfo: { showLinkButton: true, description: "Selected meshes" },
          description: "Names of the heads, with semicolons between them; when empty, the file's own choice" },
        { key: "strips", type: "string",
          description: "Names of sound strips, with semicolons between them; when empty, the file's own choice" },
        { key: "sound_file", type: "string", subtype: "file_path",
          description: "Sound file instead of strips; all workers must see it under this path" },
        { key: "model", type: "string", description: "Name or folder of the model; when empty, the file's own" },
        { key: "placement", type: "string", default: "NEW", choices: ["NEW", "RANGE", "NLA"],
          description: "For generate: a new Action, the current one, or an NLA strip" },
        { key: "name", type: "string", description: "What the take is called; when empty, like its sound" },
        { key: "seed", type: "int32", default: 0, propargs: { min: 0 },
          description: "Seed of the first take" },
        { key: "takes", type: "int32", default: 1, propargs: { min: 1, max: 100 },
          description: "How many takes, each with the next seed and in a file of its own" },
        { key: "extra", type: "string",
          description: "More arguments, as after --command meshtalk generate; separated by spaces" },
        { key: "output", type: "string", subtype: "file_path", required: true,
          eval: "str(Path(bpy.data.filepath).with_suffix('')) + '_meshtalk.blend'",
          evalInfo: { showLinkButton: true, description: "Beside this file" },
          description: "The .blend file to write; with several takes, the seed is put before its ending" },
        { key: "blendfile", type: "string", required: true, visible: "web",
          description: "The .blend file with the heads" },
    ]
};

function compileJob(job) {
    const settings = job.settings;
    const takes = settings.job == "retarget" ? 1 : Math.max(1, settings.takes || 1);
    for (let take = 0; take < takes; take++) {
        const seed = (settings.seed || 0) + take;
        const output = takes > 1 ? settings.output.replace(/(\.blend)?$/i, `_${seed}.blend`) : settings.output;
        const task = author.Task(takes > 1 ? `${settings.job}-seed-${seed}` : settings.job, "blender");
        task.addCommand(author.Command("blender-render", {
            exe: "{blender}",
            exeArgs: "{blenderArgs}",
            argsBefore: [],
            blendfile: settings.blendfile,
            args: commandArgs(settings, seed, output),
        }));
        job.addTask(task);
    }
}

// What follows the .blend file on Blender's command line.
function commandArgs(settings, seed, output) {
    let args = ["--command", "meshtalk", settings.job];
    if (settings.job == "retarget") {
        args = args.concat(each("--head", settings.heads), given("--name", settings.name));
    } else {
        args = args.concat(
            each("--head", settings.heads), each("--strip", settings.strips),
            given("--sound-file", settings.sound_file), given("--model", settings.model),
            given("--name", settings.name), ["--seed", `${seed}`]);
        if (settings.job == "generate") {
            args = args.concat(given("--placement", settings.placement));
        }
    }
    return args.concat(words(settings.extra, /\s+/), ["--output", output]);
}

function words(text, separator) {
    return (text || "").split(separator).map((word) => word.trim()).filter((word) => word.length > 0);
}

// An option once for each name; "=" keeps names that begin with a dash together with it.
function each(option, names) {
    return words(names, ";").map((name) => `${option}=${name}`);
}

function given(option, value) {
    return value ? [`${option}=${value}`] : [];
}
