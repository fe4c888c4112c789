interface FactProps {
  name: string;
  /** Shown as a dash when there is none. */
  value: string | number | null | undefined;
  tone?: "good" | "warn" | "bad" | undefined;
  className?: string;
}

/** A name and its value, in a description list. */
export function Fact({ name, value, tone, className }: FactProps) {
  return (
    <div className={className}>
      <dt>{name}</dt>
      <dd data-fact={name} data-tone={tone}>
        {value ?? "—"}
      </dd>
    </div>
  );
}
