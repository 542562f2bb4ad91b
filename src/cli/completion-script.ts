/** Completion scripts of shells, out of the table of commands. */
import { type Command, verbsOf } from './command.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function isShell(text: string): text is Shell {
  return SHELLS.some((shell) => shell === text);
}

export interface CompletedCommand {
  readonly command: Command;
  readonly summary: string;
}

interface Completion {
  readonly name: string;
  readonly summary: string;
  /** Words that may come first behind the name. */
  readonly verbs: readonly string[];
  readonly options: readonly CompletedOption[];
}

interface CompletedOption {
  readonly name: string;
  readonly short: string | undefined;
  readonly says: string;
  readonly takes: 'nothing' | 'file' | 'directory' | 'text';
}

function completionOf({ command, summary }: CompletedCommand): Completion {
  const options = Object.entries(command.options).map(([name, { type, short, value = '', says }]): CompletedOption => {
    const takes = type === 'boolean' ? 'nothing' : value === 'FILE' ? 'file' : value === 'DIR' ? 'directory' : 'text';
    return { name, short, says, takes };
  });
  const help: CompletedOption = { name: 'help', short: 'h', says: 'show help', takes: 'nothing' };
  return { name: command.name, summary, verbs: verbsOf(command), options: [...options, help] };
}

export function completionScript(shell: Shell, commands: readonly CompletedCommand[]): string {
  const completions = commands.map(completionOf);
  const makers = { bash, zsh, fish };
  return makers[shell](completions);
}

/** In single quotes, for any of the three. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

// --- bash ---

function bash(completions: readonly Completion[]): string {
  const names = [...completions.map(({ name }) => name), 'help'].join(' ');
  const cases = completions.map(({ name, verbs, options }) => {
    const flags = options.map((option) => `--${option.name}`).join(' ');
    return `    ${name}) verbs=${quoted(verbs.join(' '))} options=${quoted(flags)} files=${quoted(taking(options, 'file'))} directories=${quoted(taking(options, 'directory'))} texts=${quoted(taking(options, 'text'))} ;;`;
  });
  return `# Completes sallyport in bash; printed by: sallyport completion bash
_sallyport() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command='' at verbs options files directories texts
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "\${COMP_WORDS[at]}" in -*) ;; *) command="\${COMP_WORDS[at]}"; break ;; esac
  done
  if [[ -z $command || $command == help ]]; then
    COMPREPLY=($(compgen -W ${quoted(names)} -- "$current"))
    return
  fi
  case "$command" in
${cases.join('\n')}
    *) return ;;
  esac
  case " $files " in *" $previous "*) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$current")); return ;; esac
  case " $directories " in *" $previous "*) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$current")); return ;; esac
  case " $texts " in *" $previous "*) return ;; esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  elif ((COMP_CWORD == at + 1)) && [[ -n $verbs ]]; then
    COMPREPLY=($(compgen -W "$verbs" -- "$current"))
  else
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -F _sallyport sallyport`;
}

/** Options that take such a value, in both spellings. */
function taking(options: readonly CompletedOption[], takes: CompletedOption['takes']): string {
  return options
    .filter((option) => option.takes === takes)
    .flatMap(({ name, short }) => (short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`]))
    .join(' ');
}

// --- zsh ---

function zsh(completions: readonly Completion[]): string {
  const names = completions.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  const cases = completions.map(({ name, verbs, options }) => {
    const specs = options.map(
      ({ name: option, says, takes }) => `        ${quoted(`*--${option}[${bracketed(says)}]${ZSH_VALUES[takes]}`)}`,
    );
    const words =
      verbs.length === 0
        ? quoted('*:file:_files')
        : `${quoted(`1:word:(${verbs.join(' ')})`)} ${quoted('*:file:_files')}`;
    return `    ${name})\n      _arguments \\\n${specs.join(' \\\n')} \\\n        ${words} ;;`;
  });
  return `#compdef sallyport
# Completes sallyport in zsh; printed by: sallyport completion zsh
_sallyport() {
  local -a commands
  commands=(
${names.join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe 'command' commands
    return
  fi
  local command="\${words[2]}"
  shift words
  ((CURRENT--))
  case "$command" in
${cases.join('\n')}
    help) _describe 'command' commands ;;
  esac
}
if [[ "\${funcstack[1]}" == _sallyport ]]; then _sallyport "$@"; else compdef _sallyport sallyport; fi`;
}

const ZSH_VALUES = { nothing: '', file: ':file:_files', directory: ':directory:_files -/', text: ':value:' } as const;

/** Text between brackets of a specification of zsh. */
function bracketed(text: string): string {
  return text.replaceAll(/[[\]\\:]/g, '\\$&');
}

// --- fish ---

function fish(completions: readonly Completion[]): string {
  const lines = completions.flatMap(({ name, summary, verbs, options }) => {
    const within = `-n ${quoted(`__fish_seen_subcommand_from ${name}`)}`;
    return [
      `complete -c sallyport -n __fish_use_subcommand -f -a ${name} -d ${quoted(summary)}`,
      ...(verbs.length === 0
        ? []
        : [
            `complete -c sallyport -n ${quoted(`__fish_seen_subcommand_from ${name}; and not __fish_seen_subcommand_from ${verbs.join(' ')}`)} -f -a ${quoted(verbs.join(' '))}`,
          ]),
      ...options.map(({ name: option, short, says, takes }) => {
        const letter = short === undefined ? '' : ` -s ${short}`;
        return `complete -c sallyport ${within} -l ${option}${letter}${FISH_VALUES[takes]} -d ${quoted(says)}`;
      }),
    ];
  });
  return ['# Completes sallyport in fish; printed by: sallyport completion fish', ...lines].join('\n');
}

const FISH_VALUES = {
  nothing: ' -f',
  file: ' -r -F',
  directory: ' -x -a "(__fish_complete_directories)"',
  text: ' -x',
} as const;
