"""German and French sentences by authors long dead, for a filter of English to keep out.

German: Kafka, Die Verwandlung (1915) and Der Process (1925); Kinder- und Hausmärchen of the brothers Grimm (1857);
Goethe, Die Leiden des jungen Werthers (1774). French: Voltaire, Candide (1759); Flaubert, Madame Bovary (1857) and
Salammbô (1862); Perrault, Contes (1697); Hugo, Les Misérables (1862); Verne, Vingt mille lieues sous les mers (1870);
Rousseau, Du contrat social (1762) and Les Confessions (1782); Descartes, Discours de la méthode (1637); Pascal,
Pensées (1670); La Fontaine, Fables (1668); Stendhal, Le Rouge et le Noir (1830); Proust, Du côté de chez Swann (1913).
"""

from __future__ import annotations

GERMAN = """
Als Gregor Samsa eines Morgens aus unruhigen Träumen erwachte, fand er sich in seinem Bett zu einem ungeheueren Ungeziefer verwandelt.
Er lag auf seinem panzerartig harten Rücken und sah, wenn er den Kopf ein wenig hob, seinen gewölbten, braunen Bauch.
Seine vielen, im Vergleich zu seinem sonstigen Umfang kläglich dünnen Beine flimmerten ihm hilflos vor den Augen.
Was ist mit mir geschehen? dachte er.
Es war kein Traum.
Sein Zimmer, ein richtiges, nur etwas zu kleines Menschenzimmer, lag ruhig zwischen den vier wohlbekannten Wänden.
Gregors Blick richtete sich dann zum Fenster, und das trübe Wetter machte ihn ganz melancholisch.
Dies frühzeitige Aufstehen macht einen ganz blödsinnig.
Der Mensch muß seinen Schlaf haben.
Nun, die Hoffnung ist noch nicht gänzlich aufgegeben.
Vorläufig allerdings muß ich aufstehen, denn mein Zug fährt um fünf.
Jemand mußte Josef K. verleumdet haben, denn ohne daß er etwas Böses getan hätte, wurde er eines Morgens verhaftet.
In den alten Zeiten, wo das Wünschen noch geholfen hat, lebte ein König, dessen Töchter waren alle schön.
Es war einmal ein Müller, der war arm, aber er hatte eine schöne Tochter.
Vor einem großen Walde wohnte ein armer Holzhacker mit seiner Frau und seinen zwei Kindern.
Es war einmal mitten im Winter, und die Schneeflocken fielen wie Federn vom Himmel herab.
Spieglein, Spieglein an der Wand, wer ist die Schönste im ganzen Land?
Es hatte ein Mann einen Esel, der schon lange Jahre die Säcke unverdrossen zur Mühle getragen hatte.
Einem reichen Manne, dem wurde seine Frau krank.
Und wenn sie nicht gestorben sind, dann leben sie noch heute.
Wie froh bin ich, daß ich weg bin!
Bester Freund, was ist das Herz des Menschen!
Eine wunderbare Heiterkeit hat meine ganze Seele eingenommen.
Ich bin allein und freue mich meines Lebens in dieser Gegend, die für solche Seelen geschaffen ist wie die meine.
""".strip().splitlines()  # noqa: E501
FRENCH = """
Il y avait en Westphalie un jeune garçon à qui la nature avait donné les mœurs les plus douces.
Sa physionomie annonçait son âme.
Il avait le jugement assez droit, avec l'esprit le plus simple.
Les nez ont été faits pour porter des lunettes; aussi avons-nous des lunettes.
Cela est bien dit, répondit Candide, mais il faut cultiver notre jardin.
Nous étions à l'étude, quand le Proviseur entra, suivi d'un nouveau habillé en bourgeois.
Ceux qui dormaient se réveillèrent, et chacun se leva comme surpris dans son travail.
C'était à Mégara, faubourg de Carthage, dans les jardins d'Hamilcar.
Il était une fois une petite fille de village, la plus jolie qu'on eût su voir.
Il était une fois un homme qui avait de belles maisons à la ville et à la campagne.
En 1815, M. Charles-François-Bienvenu Myriel était évêque de Digne.
C'était un vieillard d'environ soixante-quinze ans.
L'année 1866 fut marquée par un événement bizarre, un phénomène inexpliqué et inexplicable.
L'homme est né libre, et partout il est dans les fers.
Je forme une entreprise qui n'eut jamais d'exemple et dont l'exécution n'aura point d'imitateur.
Le bon sens est la chose du monde la mieux partagée.
Le cœur a ses raisons que la raison ne connaît point.
L'homme n'est qu'un roseau, le plus faible de la nature; mais c'est un roseau pensant.
Maître Corbeau, sur un arbre perché, tenait en son bec un fromage.
La Cigale, ayant chanté tout l'été, se trouva fort dépourvue quand la bise fut venue.
La petite ville de Verrières peut passer pour l'une des plus jolies de la Franche-Comté.
Longtemps, je me suis couché de bonne heure.
Parfois, à peine ma bougie éteinte, mes yeux se fermaient si vite que je n'avais pas le temps de me dire: Je m'endors.
""".strip().splitlines()
