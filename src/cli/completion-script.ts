/** Completion scripts of shells, out of the table of commands. */
import { type Command, isFitting, type SaidVerb, secondVerbsOf, verbsOf } from './command.ts';

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
  /** Where no verb is said yet, or none that is known. */
  readonly options: readonly CompletedOption[];
  /** The same, as far as a verb that is said takes them; those with a second verb come before the verb alone. */
  readonly ofVerbs: readonly { readonly said: SaidVerb; readonly options: readonly CompletedOption[] }[];
}

interface CompletedOption {
  readonly name: string;
  readonly short: string | undefined;
  readonly says: string;
  readonly takes: 'nothing' | 'file' | 'directory' | 'text';
  readonly fits: (said: SaidVerb) => boolean;
}

function completionOf({ command, summary }: CompletedCommand): Completion {
  const ofCommand = Object.entries(command.options).map(([name, option]): CompletedOption => {
    const { type, short, value = '', says } = option;
    const takes = type === 'boolean' ? 'nothing' : value === 'FILE' ? 'file' : value === 'DIR' ? 'directory' : 'text';
    return { name, short, says, takes, fits: (said) => isFitting(option, said) };
  });
  const options = [...ofCommand, { ...HELP, fits: () => true }];
  const verbs = verbsOf(command);
  const ofVerbs = verbs
    .flatMap((verb): SaidVerb[] => [...secondVerbsOf(command, verb).map((second) => ({ verb, second })), { verb }])
    .map((said) => ({ said, options: options.filter(({ fits }) => fits(said)) }));
  return { name: command.name, summary, verbs, options, ofVerbs };
}

const HELP = { name: 'help', short: 'h', says: 'show help', takes: 'nothing' } as const;

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
    return `    ${name}) verbs=${quoted(verbs.join(' '))} options=${quoted(flagsOf(options))} files=${quoted(taking(options, 'file'))} directories=${quoted(taking(options, 'directory'))} texts=${quoted(taking(options, 'text'))} ;;`;
  });
  const ofVerbs = armsOf(completions, (options) => `options=${quoted(flagsOf(options))}`);
  return `# Completes sallyport in bash; printed by: sallyport completion bash
_sallyport() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command='' verb='' second='' at next verbs options files directories texts
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
  for ((next = at + 1; next < COMP_CWORD; next++)); do
    case "\${COMP_WORDS[next]}" in
      # What belongs to an option is no verb; behind a "=" it is a word of its own.
      -*) if [[ \${COMP_WORDS[next+1]-} == '=' ]]; then ((next += 2))
        else case " $files $directories $texts " in *" \${COMP_WORDS[next]} "*) ((next++)) ;; esac; fi ;;
      *) if [[ -z $verb ]]; then verb="\${COMP_WORDS[next]}"; else second="\${COMP_WORDS[next]}"; break; fi ;;
    esac
  done
  case "$command $verb $second" in
${ofVerbs.join('\n')}
  esac
  case " $files " in *" $previous "*) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$current")); return ;; esac
  case " $directories " in *" $previous "*) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$current")); return ;; esac
  case " $texts " in *" $previous "*) return ;; esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  elif [[ -z $verb && -n $verbs ]]; then
    COMPREPLY=($(compgen -W "$verbs" -- "$current"))
  else
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -F _sallyport sallyport`;
}

function flagsOf(options: readonly CompletedOption[]): string {
  return options.map(({ name }) => `--${name}`).join(' ');
}

/** Of a `case` over command, verb and second verb, of which the last may be something else, or nothing. */
function armsOf(
  completions: readonly Completion[],
  action: (options: readonly CompletedOption[], completion: Completion) => string,
): string[] {
  return completions.flatMap((completion) =>
    completion.ofVerbs.map(({ said: { verb, second }, options }) => {
      const pattern =
        second === undefined ? `"${completion.name} ${verb} "*` : `"${completion.name} ${verb} ${second}"`;
      return `    ${pattern}) ${action(options, completion)} ;;`;
    }),
  );
}

function taking(options: readonly CompletedOption[], takes: CompletedOption['takes']): string {
  return spelt(options.filter((option) => option.takes === takes));
}

/** In both spellings. */
function spelt(options: readonly CompletedOption[]): string {
  return options
    .flatMap(({ name, short }) => (short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`]))
    .join(' ');
}

// --- zsh ---

function zsh(completions: readonly Completion[]): string {
  const names = completions.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  const ofCommands = completions.map((completion) => {
    const valued = completion.options.filter(({ takes }) => takes !== 'nothing');
    return `    ${completion.name}) valued=${quoted(spelt(valued))} ;;`;
  });
  const ofVerbs = armsOf(completions, zshArguments);
  const ofNone = completions.map((completion) => {
    return `    "${completion.name} "*) ${zshArguments(completion.options, completion)} ;;`;
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
  local command="\${words[2]}" verb='' second='' valued='' next
  shift words
  ((CURRENT--))
  case "$command" in
${ofCommands.join('\n')}
    help) _describe 'command' commands; return ;;
  esac
  for ((next = 2; next < CURRENT; next++)); do
    case "\${words[next]}" in
      -*) case " $valued " in *" \${words[next]} "*) ((next++)) ;; esac ;;
      *) if [[ -z $verb ]]; then verb="\${words[next]}"; else second="\${words[next]}"; break; fi ;;
    esac
  done
  case "$command $verb $second" in
${[...ofVerbs, ...ofNone].join('\n')}
  esac
}
if [[ "\${funcstack[1]}" == _sallyport ]]; then _sallyport "$@"; else compdef _sallyport sallyport; fi`;
}

function zshArguments(options: readonly CompletedOption[], { verbs }: Completion): string {
  const specs = options.map(({ name, says, takes }) => quoted(`*--${name}[${bracketed(says)}]${ZSH_VALUES[takes]}`));
  const words = verbs.length === 0 ? [] : [quoted(`1:word:(${verbs.join(' ')})`)];
  return ['_arguments', ...specs, ...words, quoted('*:file:_files')].join(' \\\n        ');
}

const ZSH_VALUES = { nothing: '', file: ':file:_files', directory: ':directory:_files -/', text: ':value:' } as const;

/** Text between brackets of a specification of zsh. */
function bracketed(text: string): string {
  return text.replaceAll(/[[\]\\:]/g, '\\$&');
}

// --- fish ---

function fish(completions: readonly Completion[]): string {
  const lines = completions.flatMap(({ name, summary, verbs, options, ofVerbs }) => [
    `complete -c sallyport -n __fish_use_subcommand -f -a ${name} -d ${quoted(summary)}`,
    ...(verbs.length === 0
      ? []
      : [
          `complete -c sallyport -n ${quoted(`__sallyport_is ${name} ${verbs.join(' ')}`)} -f -a ${quoted(verbs.join(' '))}`,
        ]),
    ...options.map((option) => {
      const letter = option.short === undefined ? '' : ` -s ${option.short}`;
      const within = ['__sallyport_is', name, ...othersOf(option, ofVerbs)].join(' ');
      return `complete -c sallyport -n ${quoted(within)} -l ${option.name}${letter}${FISH_VALUES[option.takes]} -d ${quoted(option.says)}`;
    }),
  ]);
  return `# Completes sallyport in fish; printed by: sallyport completion fish
function __sallyport_is -d 'The command is this one, and its verb none of those that follow'
  set -l words
  for word in (commandline -opc)[2..-1]
    string match -q -- '-*' $word; or set -a words $word
  end
  set -l command $argv[1]
  set -l others $argv[2..-1]
  test "$words[1]" = "$command"; and not contains -- "$words[2]" $others; and not contains -- "$words[2] $words[3]" $others
end
${lines.join('\n')}`;
}

/** To which the option means nothing, each as one word or as two in quotes; a verb stands for its second ones. */
function othersOf({ fits }: CompletedOption, ofVerbs: Completion['ofVerbs']): string[] {
  return ofVerbs
    .map(({ said }) => said)
    .filter((said) => !fits(said) && (said.second === undefined || fits({ verb: said.verb })))
    .map(({ verb, second }) => (second === undefined ? verb : `"${verb} ${second}"`));
}

const FISH_VALUES = {
  nothing: ' -f',
  file: ' -r -F',
  directory: ' -x -a "(__fish_complete_directories)"',
  text: ' -x',
} as const;
