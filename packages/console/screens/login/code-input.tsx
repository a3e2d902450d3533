import { TextInput } from '@mantine/core';

/** The field for the six digits of an authenticator. */
export function CodeInput({
  value,
  onChange,
}: {
  readonly value: string;
  readonly onChange: (value: string) => void;
}) {
  return (
    <TextInput
      label="Code of your authenticator"
      description="Six digits"
      inputMode="numeric"
      autoComplete="one-time-code"
      pattern="[0-9 ]{6,8}"
      required
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
