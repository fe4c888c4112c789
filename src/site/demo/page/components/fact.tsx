interface FactProps {
  name: string;
  /** Null and undefined are shown as a dash. */
  value: string | number | null | undefined;
  tone?: "good" | "warn" | "bad" | undefined;
  className?: string;
}

/** A name and its value. Must be inside a `<dl>`. */
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
